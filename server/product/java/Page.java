// Needs a JDK of version 17 or later, and nothing else: java Page.java
import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.util.*;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Page {
  record Person(String password, String first, String last, List<String> groups) {}

  static final String BRIDGE = System.getenv().getOrDefault("BRIDGE_URL", "http://localhost:3000");
  static final String SECRET = Objects.requireNonNull(System.getenv("SSO_SECRET"), "SSO_SECRET is not set"); // the bridge's JWT_SHARED_SECRET
  static final Map<String, Person> PEOPLE = Map.of( // stands for your accounts
      "ada@example.com", new Person("correct horse", "Ada", "Lovelace", List.of("research")));
  static final String FORM = """
      <!doctype html><title>Sign in</title><form method="post">
      <input name="email" type="email"> <input name="password" type="password"> <button>Sign in</button></form>""";

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "3535"));
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
    server.createContext("/login", exchange -> {
      try (exchange) {
        login(exchange);
      }
    });
    server.start();
  }

  static void login(HttpExchange exchange) throws java.io.IOException {
    Map<String, String> sent = parameters(new String(exchange.getRequestBody().readAllBytes(), UTF_8));
    Map<String, String> query = parameters(exchange.getRequestURI().getRawQuery());
    Person person = PEOPLE.get(sent.getOrDefault("email", ""));
    if (person == null || !person.password().equals(sent.get("password"))) {
      exchange.getResponseHeaders().set("Content-Type", "text/html; charset=utf-8");
      exchange.sendResponseHeaders(exchange.getRequestMethod().equals("POST") ? 401 : 200, 0);
      exchange.getResponseBody().write(FORM.getBytes(UTF_8));
      return;
    }

    long now = System.currentTimeMillis() / 1000;
    Map<String, Object> claims = new LinkedHashMap<>(Map.of(
        "email", sent.get("email"), "first_name", person.first(), "last_name", person.last(), "groups", person.groups(),
        "iat", now, "exp", now + 60, "jti", UUID.randomUUID(), "iss", "my-product", "aud", BRIDGE));
    for (String name : List.of("nonce", "code_challenge")) if (query.containsKey(name)) claims.put(name, query.get(name));
    StringJoiner back = new StringJoiner("&", BRIDGE + "/auth/sso?", "");
    for (String name : List.of("return_to", "state")) if (query.containsKey(name)) back.add(name + "=" + URLEncoder.encode(query.get(name), UTF_8));
    back.add("jwt=" + sign(claims));
    exchange.getResponseHeaders().set("Location", back.toString());
    exchange.sendResponseHeaders(303, -1);
  }

  static Map<String, String> parameters(String form) {
    Map<String, String> all = new HashMap<>();
    for (String pair : Objects.toString(form, "").split("&")) {
      String[] parts = pair.split("=", 2);
      if (parts.length == 2) all.put(URLDecoder.decode(parts[0], UTF_8), URLDecoder.decode(parts[1], UTF_8));
    }
    return all;
  }

  static String sign(Map<String, Object> claims) { // your JWT library does this in a line
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(SECRET.getBytes(UTF_8), "HmacSHA256"));
      String input = base64url(json(Map.of("alg", "HS256", "typ", "JWT")).getBytes(UTF_8)) + "." + base64url(json(claims).getBytes(UTF_8));
      return input + "." + base64url(mac.doFinal(input.getBytes(UTF_8)));
    } catch (java.security.GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  static String base64url(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  static String json(Object value) {
    if (value instanceof Number) return value.toString();
    if (value instanceof List<?> all) return all.stream().map(Page::json).collect(Collectors.joining(",", "[", "]"));
    if (value instanceof Map<?, ?> all) {
      return all.entrySet().stream().map(e -> json(e.getKey()) + ":" + json(e.getValue())).collect(Collectors.joining(",", "{", "}"));
    }
    StringBuilder text = new StringBuilder("\"");
    for (char c : value.toString().toCharArray()) text.append(c < ' ' || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : c);
    return text.append('"').toString();
  }
}
