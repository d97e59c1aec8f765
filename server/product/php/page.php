<?php
// php -S 127.0.0.1:3535 page.php
$bridge = getenv('BRIDGE_URL') ?: 'http://localhost:3000';
$secret = getenv('SSO_SECRET') ?: throw new Exception('SSO_SECRET is not set'); // the bridge's JWT_SHARED_SECRET
$people = [ // stands for your accounts
    'ada@example.com' => ['password' => 'correct horse', 'first' => 'Ada', 'last' => 'Lovelace', 'groups' => ['research']],
];

function base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

$person = $people[$_POST['email'] ?? ''] ?? null;
if (!$person || $person['password'] !== ($_POST['password'] ?? '')) {
    http_response_code($_SERVER['REQUEST_METHOD'] === 'POST' ? 401 : 200);
    exit('<!doctype html><title>Sign in</title><form method="post">
<input name="email" type="email"> <input name="password" type="password"> <button>Sign in</button></form>');
}

$claims = [
    'email' => $_POST['email'], 'first_name' => $person['first'], 'last_name' => $person['last'], 'groups' => $person['groups'],
    'iat' => time(), 'exp' => time() + 60, 'jti' => bin2hex(random_bytes(16)), 'iss' => 'my-product', 'aud' => $bridge,
];
$claims += array_intersect_key($_GET, ['nonce' => 1, 'code_challenge' => 1]);
$input = base64url(json_encode(['alg' => 'HS256', 'typ' => 'JWT'])) . '.' . base64url(json_encode($claims));
$back = array_intersect_key($_GET, ['return_to' => 1, 'state' => 1]);
$back['jwt'] = $input . '.' . base64url(hash_hmac('sha256', $input, $secret, true));
header('Location: ' . $bridge . '/auth/sso?' . http_build_query($back), true, 303);
