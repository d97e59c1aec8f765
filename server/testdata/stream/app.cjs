// An app that answers a request before it has read it: the headers at once, the body 4 to 40 ms later.
const http = require('node:http')

http.createServer((req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/event-stream' })
  res.flushHeaders()
  let size = 0
  req.on('data', (part) => { size += part.length })
  req.on('end', () => setTimeout(() => {
    res.write('data: begun\n\n')
    res.end('data: ' + size + ' bytes came\n\n')
  }, 4 + Math.random() * 36))
}).listen(process.env.PORT, '127.0.0.1')
