<?php
// Plain PHP, as many products do it that have no library. json_encode escapes slashes and all that is not ASCII.
$given = json_decode(stream_get_contents(STDIN), true);
$person = $given['person'];

function base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

$payload = [
    'email' => $person['email'],
    'first_name' => $person['first_name'],
    'last_name' => $person['last_name'],
    'groups' => $person['groups'],
    'exp' => time() + 60 * 10, // 10 minute expiration
];
if ($given['iat']) {
    $payload['iat'] = time();
}
$input = base64url(json_encode(['typ' => 'JWT', 'alg' => 'HS256'])) . '.' . base64url(json_encode($payload));
echo $input . '.' . base64url(hash_hmac('sha256', $input, $given['secret'], true)), "\n";
