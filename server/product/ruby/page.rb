# gem install jwt webrick (or apt-get install ruby-jwt ruby-webrick) && ruby page.rb
require 'jwt'
require 'securerandom'
require 'webrick'

bridge = ENV.fetch('BRIDGE_URL', 'http://localhost:3000')
secret = ENV.fetch('SSO_SECRET') # the bridge's JWT_SHARED_SECRET
people = { # stands for your accounts
  'ada@example.com' => { password: 'correct horse', first: 'Ada', last: 'Lovelace', groups: ['research'] }
}
form = <<~HTML
  <!doctype html><title>Sign in</title><form method="post">
  <input name="email" type="email"> <input name="password" type="password"> <button>Sign in</button></form>
HTML

server = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: ENV.fetch('PORT', '3535'))
server.mount_proc '/login' do |req, res|
  sent = req.request_method == 'POST' ? URI.decode_www_form(req.body.to_s).to_h : {}
  query = URI.decode_www_form(req.query_string.to_s).to_h
  person = people[sent['email']]
  unless person && person[:password] == sent['password']
    res.status = req.request_method == 'POST' ? 401 : 200
    res['Content-Type'] = 'text/html; charset=utf-8'
    res.body = form
    next
  end

  now = Time.now.to_i
  claims = {
    email: sent['email'], first_name: person[:first], last_name: person[:last], groups: person[:groups],
    iat: now, exp: now + 60, jti: SecureRandom.uuid, iss: 'my-product', aud: bridge
  }.merge(query.slice('nonce', 'code_challenge'))
  back = query.slice('return_to', 'state')
  back['jwt'] = JWT.encode(claims, secret, 'HS256')
  res.status = 303
  res['Location'] = "#{bridge}/auth/sso?#{URI.encode_www_form(back)}"
end
trap('TERM') { server.shutdown }
server.start
