-- Keys of e-mail addresses have another form now (sso.EmailKey); the step in emailkey.go writes those of the rows there are.
-- Here are the accounts that no sign-in finds by its e-mail since then: what they have is no address, or the mailbox of
-- another account too.
CREATE TABLE doubtful_emails (
	account_id BIGINT PRIMARY KEY REFERENCES accounts (id)
);
