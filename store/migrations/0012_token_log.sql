-- What is kept of the tokens of the last sign-ins of each provider (sso/tokenlog): the names of their claims, as JSON, and how
-- long they lived, in microseconds. The sweep leaves the last 300 of each.
CREATE TABLE token_log (
	provider TEXT   NOT NULL,
	at       BIGINT NOT NULL,
	lifetime BIGINT NOT NULL,
	more     BIGINT NOT NULL,
	claims   TEXT   NOT NULL
);
CREATE INDEX token_log_provider ON token_log (provider, at);
