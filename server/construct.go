package server

import (
	"github.com/outcrop-ai/outcrop/bedrock"
)

// construct answers Construct.
func (x *exchange) construct() error {
	req, err := x.constructRequest()
	if err != nil {
		return err
	}
	response, err := x.server.manager.Construct(x.context(), req)
	if err != nil {
		return err
	}
	x.usage = &response.Usage
	return x.sendValue(response)
}

// constructStream answers ConstructStream.
func (x *exchange) constructStream() error {
	req, err := x.constructRequest()
	if err != nil {
		return err
	}
	stream, err := x.server.manager.ConstructStream(x.context(), req)
	if err != nil {
		return err
	}
	return x.sendStream(stream, constructEvents)
}

func (x *exchange) constructRequest() (*bedrock.ConstructRequest, error) {
	x.model = x.labels[0]
	req := new(bedrock.ConstructRequest)
	return req, x.decode(req)
}
