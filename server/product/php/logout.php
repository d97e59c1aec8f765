<?php
// php logout.php ada@example.com
$bridge = getenv('BRIDGE_URL') ?: 'http://localhost:3000';
$secret = getenv('SSO_SECRET') ?: throw new Exception('SSO_SECRET is not set'); // the bridge's JWT_SHARED_SECRET

function base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

// Call this when somebody signs out of your product, or loses the account there.
function signOut(string $bridge, string $secret, string $sub): void
{
    $claims = [
        'iat' => time(), 'exp' => time() + 120, 'jti' => bin2hex(random_bytes(16)), 'iss' => 'my-product', 'aud' => $bridge, 'sub' => $sub,
        'events' => ['http://schemas.openid.net/event/backchannel-logout' => new stdClass()], // {}, where [] would be a list
    ];
    $input = base64url(json_encode(['alg' => 'HS256', 'typ' => 'logout+jwt'])) . '.' . base64url(json_encode($claims));
    $body = http_build_query(['logout_token' => $input . '.' . base64url(hash_hmac('sha256', $input, $secret, true))]);
    $request = ['method' => 'POST', 'header' => 'Content-Type: application/x-www-form-urlencoded', 'content' => $body, 'timeout' => 5];
    if (file_get_contents($bridge . '/auth/sso/backchannel-logout', false, stream_context_create(['http' => $request])) === false) {
        throw new Exception('the bridge did not accept the sign-out');
    }
}

signOut($bridge, $secret, $argv[1]);
