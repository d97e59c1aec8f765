package token

import "github.com/ssobridge/ssobridge/sso/strictjson"

// maxDepth bounds how deep objects and lists may nest in a header or a payload; the outermost is 1.
const maxDepth = 8

func parseObject(data []byte) (map[string]any, error) { return strictjson.Object(data, maxDepth) }
