-- needs: 16
-- What the tokens of past sign-ins say of themselves, as JSON: iss, aud, azp and dates. "" for those of before.
ALTER TABLE token_log ADD COLUMN about TEXT NOT NULL DEFAULT '';
