-- needs: 15
-- Sessions that their OpenID provider confirms again and again: when it last did (0: it is not asked), before when it is not asked
-- again, and since when there has been no good answer (0: there was one).
ALTER TABLE sessions ADD COLUMN refreshed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN refresh_after BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN refresh_failing BIGINT NOT NULL DEFAULT 0;

-- A session may get another id, and what was given with it goes along. The column session still names the row for its seal.
CREATE TABLE grants_along (
	session TEXT  PRIMARY KEY,
	hash    BYTEA NOT NULL UNIQUE REFERENCES sessions (hash) ON DELETE CASCADE ON UPDATE CASCADE,
	sealed  BYTEA NOT NULL
);
INSERT INTO grants_along (session, hash, sealed) SELECT session, hash, sealed FROM grants;
DROP TABLE grants;
ALTER TABLE grants_along RENAME TO grants;
