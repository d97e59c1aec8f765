-- Callers that are no people (sso/service). A token is known by its jti, and only a hash of it is kept. maker_id 0 is the
-- shell. A token is in those of its groups in which its maker is at that moment.
CREATE TABLE service_accounts (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	name       TEXT    COLLATE BINARY NOT NULL UNIQUE,
	label      TEXT    NOT NULL,
	active     BOOLEAN NOT NULL,
	maker_id   BIGINT  NOT NULL,
	created_at BIGINT  NOT NULL
);

CREATE TABLE service_tokens (
	id         TEXT   PRIMARY KEY,
	service_id BIGINT NOT NULL REFERENCES service_accounts (id) ON DELETE CASCADE,
	hash       BYTEA  NOT NULL,
	key_id     TEXT   NOT NULL,
	name       TEXT   NOT NULL,
	maker_id   BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	last_used  BIGINT NOT NULL,
	revoked_at BIGINT NOT NULL
);
CREATE INDEX service_tokens_account ON service_tokens (service_id, created_at, id);
CREATE INDEX service_tokens_key ON service_tokens (key_id, expires_at);
CREATE INDEX service_tokens_expires ON service_tokens (expires_at);

CREATE TABLE service_token_groups (
	token_id TEXT   NOT NULL REFERENCES service_tokens (id) ON DELETE CASCADE,
	group_id BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
	PRIMARY KEY (token_id, group_id)
);
CREATE INDEX service_token_groups_group ON service_token_groups (group_id);

-- The keys that signed them. private is sealed, and empty of a key that the operator keeps in a file.
CREATE TABLE service_keys (
	id         TEXT   PRIMARY KEY,
	alg        TEXT   NOT NULL,
	public     BYTEA  NOT NULL,
	private    BYTEA  NOT NULL,
	created_at BIGINT NOT NULL
);
