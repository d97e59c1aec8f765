-- What an OpenID provider gave with the sign-in of a session, sealed: its ID token, by which it knows at sign-out which session
-- is meant.
CREATE TABLE grants (
	session TEXT  PRIMARY KEY,
	hash    BYTEA NOT NULL UNIQUE REFERENCES sessions (hash) ON DELETE CASCADE,
	sealed  BYTEA NOT NULL
);
