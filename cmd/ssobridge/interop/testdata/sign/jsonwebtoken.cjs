// npm jsonwebtoken, as in Metabase's examples. It adds iat by itself.
const jwt = require('jsonwebtoken');
const { secret, person, iat } = JSON.parse(require('fs').readFileSync(0, 'utf8'));

const token = jwt.sign(
  {
    email: person.email,
    first_name: person.first_name,
    last_name: person.last_name,
    groups: person.groups,
    exp: Math.round(Date.now() / 1000) + 60 * 10, // 10 minute expiration
  },
  secret,
  iat ? {} : { noTimestamp: true },
);
console.log(token);
