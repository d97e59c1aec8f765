# ruby-jwt (Debian: ruby-jwt). Its header has no typ.
require 'json'
require 'jwt'

given = JSON.parse($stdin.read)
person = given['person']
payload = {
  email: person['email'],
  first_name: person['first_name'],
  last_name: person['last_name'],
  groups: person['groups'],
  exp: Time.now.to_i + (60 * 10) # 10 minute expiration
}
payload[:iat] = Time.now.to_i if given['iat']
puts JWT.encode(payload, given['secret'], 'HS256')
