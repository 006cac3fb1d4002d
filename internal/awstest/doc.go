// Package awstest asks Amazon Bedrock itself, on the developer's own account.
//
// Its test runs only when OUTCROP_TEST_AWS is 1, as `make test-aws` sets it. It
// says beforehand what it costs at most, refuses to begin above Budget, stops
// when it has spent that, and says at the end what it spent by the list prices.
// OUTCROP_TEST_AWS_MODEL names another model than the cheap default; profile
// and Region follow the rule of all commands.
package awstest

// Budget is what a run may cost, in USD.
const Budget = 0.05
