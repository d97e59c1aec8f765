-- Which sign-ins a key verified. Without it, a key that nobody used is looked for in all sign-ins there ever were.
CREATE INDEX events_key ON events (key_id, kind, at, id) WHERE key_id <> '';
