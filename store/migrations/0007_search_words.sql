-- The words by which a search finds people (sso.SearchWords). words_of is the text that an account's words were made of:
-- where it differs from the e-mail and the names, they are still to be made. So it is with the accounts there are, and
-- with those that a program of before writes meanwhile (see words.go).
-- The key of the e-mail stands here instead of the id, since it is the order in which people are shown: what a search finds
-- is sorted without a look at each account.
CREATE TABLE account_words (
	word      TEXT COLLATE BINARY NOT NULL,
	email_key TEXT COLLATE BINARY NOT NULL REFERENCES accounts (email_key) ON UPDATE CASCADE ON DELETE CASCADE,
	PRIMARY KEY (word, email_key)
) WITHOUT ROWID;
CREATE INDEX account_words_email ON account_words (email_key, word);

ALTER TABLE accounts ADD COLUMN words_of TEXT NOT NULL DEFAULT '';
CREATE INDEX accounts_wordless ON accounts (id) WHERE words_of <> email || ' ' || first_name || ' ' || last_name;

-- Nobody looks for names there any more; the columns stay for programs of before.
DROP INDEX accounts_first;
DROP INDEX accounts_last;
