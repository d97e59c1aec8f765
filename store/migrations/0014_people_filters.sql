-- needs: 13
-- Lists of people by the provider that signed them in last, and of those who are deactivated. last_login has no index: each
-- sign-in writes it, and would write to every index of the table on PostgreSQL.
CREATE INDEX accounts_source ON accounts (source, email_key);
CREATE INDEX accounts_inactive ON accounts (email_key) WHERE NOT active;
