-- Sign-out that an identity provider asks for (sso/logout). What the token of a sign-in called its session there, as digests;
-- '' when it did not say, or when a program of before opened the session.
ALTER TABLE sessions ADD COLUMN idp_subject TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN idp_session TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_idp_subject ON sessions (provider, idp_subject) WHERE idp_subject <> '';
CREATE INDEX sessions_idp_session ON sessions (provider, idp_session) WHERE idp_session <> '';

-- The notices that bar sign-ins which were under way: issued by the clock of the provider, received by ours.
CREATE TABLE logouts (
	provider   TEXT   NOT NULL,
	key        TEXT   NOT NULL,
	issued     BIGINT NOT NULL,
	received   BIGINT NOT NULL,
	keep_until BIGINT NOT NULL,
	PRIMARY KEY (provider, key)
);
CREATE INDEX logouts_keep_until ON logouts (keep_until);
