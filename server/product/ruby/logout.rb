# gem install jwt (or apt-get install ruby-jwt) && ruby logout.rb ada@example.com
require 'jwt'
require 'net/http'
require 'securerandom'

BRIDGE = ENV.fetch('BRIDGE_URL', 'http://localhost:3000')
SECRET = ENV.fetch('SSO_SECRET') # the bridge's JWT_SHARED_SECRET

# Call this when somebody signs out of your product, or loses the account there.
def sign_out(sub)
  now = Time.now.to_i
  claims = {
    iat: now, exp: now + 120, jti: SecureRandom.uuid, iss: 'my-product', aud: BRIDGE, sub: sub,
    events: { 'http://schemas.openid.net/event/backchannel-logout' => {} }
  }
  token = JWT.encode(claims, SECRET, 'HS256', { typ: 'logout+jwt' })
  answer = Net::HTTP.post_form(URI("#{BRIDGE}/auth/sso/backchannel-logout"), logout_token: token)
  raise "the bridge answered #{answer.code} #{answer.body}" unless answer.is_a?(Net::HTTPSuccess)
end

sign_out(ARGV.fetch(0))
