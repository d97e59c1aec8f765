# Perl's Crypt::JWT (Debian: libcrypt-jwt-perl).
use strict;
use warnings;
use JSON::PP;
use Crypt::JWT qw(encode_jwt);

my $given = decode_json(do { local $/; <STDIN> });
my $person = $given->{person};
my %payload = (
    email      => $person->{email},
    first_name => $person->{first_name},
    last_name  => $person->{last_name},
    groups     => $person->{groups},
);
print encode_jwt(
    payload      => \%payload,
    alg          => 'HS256',
    key          => $given->{secret},
    relative_exp => 60 * 10,                       # 10 minute expiration
    auto_iat     => $given->{iat} ? 1 : 0,
), "\n";
