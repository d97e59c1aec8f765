-- When the person behind a session last proved who they are: by signing in, or anew since.
ALTER TABLE sessions ADD COLUMN proved_at BIGINT NOT NULL DEFAULT 0;
UPDATE sessions SET proved_at = created_at;

-- The secret of the first start, sealed, while there is no administrator.
CREATE TABLE setup (
	name    TEXT   PRIMARY KEY,
	sealed  BYTEA  NOT NULL,
	made_at BIGINT NOT NULL
);

-- Locked by whoever counts a failure, so that many guesses at once are counted one after the other.
INSERT INTO counters (name, value) VALUES ('failures', 0);

-- WebAuthn credentials. handle is the account's user handle, the same in all of its rows (WebAuthn §5.4.3); credential is
-- the public key and what belongs to it, as JSON.
CREATE TABLE passkeys (
	id         TEXT   PRIMARY KEY,
	account_id BIGINT NOT NULL REFERENCES accounts (id),
	handle     BYTEA  NOT NULL,
	name       TEXT   NOT NULL,
	credential TEXT   NOT NULL,
	sign_count BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	last_used  BIGINT NOT NULL
);
CREATE INDEX passkeys_account ON passkeys (account_id, created_at);
