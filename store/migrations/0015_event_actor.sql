-- needs: 13
-- What somebody did. Few events have an actor: a sign-in has none, and pays nothing for this.
CREATE INDEX events_actor ON events (actor, at, id) WHERE actor <> '';
