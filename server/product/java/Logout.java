// Needs a JDK of version 17 or later, and nothing else: java Logout.java ada@example.com
import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Base64;
import java.util.Objects;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Logout {
  static final String BRIDGE = System.getenv().getOrDefault("BRIDGE_URL", "http://localhost:3000");
  static final String SECRET = Objects.requireNonNull(System.getenv("SSO_SECRET"), "SSO_SECRET is not set"); // the bridge's JWT_SHARED_SECRET

  // Call this when somebody signs out of your product, or loses the account there. sub has no quotation mark and no backslash.
  static void signOut(String sub) throws Exception {
    long now = System.currentTimeMillis() / 1000;
    String claims = """
        {"iat": %d, "exp": %d, "jti": "%s", "iss": "my-product", "aud": "%s", "sub": "%s",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}""".formatted(now, now + 120, UUID.randomUUID(), BRIDGE, sub);
    String input = base64url("{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}".getBytes(UTF_8)) + "." + base64url(claims.getBytes(UTF_8));
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(SECRET.getBytes(UTF_8), "HmacSHA256"));
    String token = input + "." + base64url(mac.doFinal(input.getBytes(UTF_8)));
    HttpRequest request = HttpRequest.newBuilder(URI.create(BRIDGE + "/auth/sso/backchannel-logout"))
        .header("Content-Type", "application/x-www-form-urlencoded").POST(BodyPublishers.ofString("logout_token=" + token)).build();
    HttpResponse<String> answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
    if (answer.statusCode() >= 300) throw new IllegalStateException("the bridge answered " + answer.statusCode() + " " + answer.body());
  }

  static String base64url(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  public static void main(String[] args) throws Exception {
    signOut(args[0]);
  }
}
