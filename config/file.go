package config

import "time"

// The tags of the fields: yaml is the key; default its value when nobody says
// otherwise; env further environment variables that set it, the strongest
// first; enum its values; min the smallest; expand allows ${VAR}; kind the
// back-ends that know it; secret keeps the value out of every report.

// File is what outcrop.yaml says. Every setting may be left out.
type File struct {
	// Model is the model of requests that name none: a model id, an inference
	// profile, an ARN, an alias, or a name of the back-end's own. Where nobody
	// names one and the default would go to a back-end of kind openai under that
	// name, the first model that the server lists is taken instead, past those
	// for embeddings.
	Model string `yaml:"model" env:"OUTCROP_MODEL_ID" default:"anthropic.claude-sonnet-4-5-20250929-v1:0"`

	// Profile is the name of the profile in force: of the section under
	// profiles with that name, and of the profile in ~/.aws/config that amazon
	// back-ends use. Where nobody names one, amazon back-ends take the profile
	// aws if ~/.aws has it and the environment holds no credentials, else what
	// the AWS SDK's chain finds.
	Profile string `yaml:"profile" env:"AWS_PROFILE" default:"aws"`

	// Region is the AWS Region that amazon back-ends without one of their own
	// call. Where nobody names one, the Region of the profile in ~/.aws/config
	// comes before this default. It also stands in ARNs that are made here for
	// requests whose signature names none; there the default is us-east-1.
	Region string `yaml:"region" env:"AWS_REGION AWS_DEFAULT_REGION" default:"us-west-2"`

	// Data is the directory of jobs and objects. Default: the user's data
	// directory.
	Data string `yaml:"data"`

	// Backend names the back-end that answers models which no entry of models
	// matches. Default: the only one, when there is one; the simulator, when
	// there is none; otherwise such models are refused. As a flag or in the
	// environment it may also be KIND or KIND=VALUE (simulator,
	// openai=http://127.0.0.1:11434/v1, amazon=us-east-1), and then answers
	// every model, whatever models says.
	Backend string `yaml:"backend"`

	// Profiles are settings by profile name. Those of the profile in force
	// come before the same settings at the top of the file.
	Profiles map[string]Profile `yaml:"profiles"`

	// Backends are what answers calls, by names of your choice.
	Backends map[string]Backend `yaml:"backends"`

	// Models says which back-end answers for which model ids. The first entry
	// that matches counts.
	Models []Route `yaml:"models"`

	// Aliases are other names for model ids.
	Aliases map[string]string `yaml:"aliases"`

	// Prices are what tokens cost, in USD, for models that the built-in table
	// of Amazon Bedrock's list prices does not have, or has otherwise: another
	// Region, a discount, hardware of your own. They come before the built-in
	// ones, and the first entry that matches counts.
	Prices []Price `yaml:"prices"`

	// MaxCost is what a command that begins with an estimate (compare, batch)
	// may cost at most, in USD; above it, it is refused. 0 is no limit.
	MaxCost float64 `yaml:"maxCost" min:"0" default:"0"`

	// Circuit says when a back-end that fails is left alone for a while. It
	// only matters for models with several lanes or a failover list: where there
	// is no other back-end, calls go through.
	Circuit Circuit `yaml:"circuit"`

	// Quotas are what the services behind the back-ends grant. Calls wait their
	// turn within them; without any, they go as they come.
	Quotas Quotas `yaml:"quotas"`

	// Objects says where s3:// URIs lead.
	Objects Objects `yaml:"objects"`
	// Tenants are those on whose behalf a server works, by name: letters,
	// digits, -, _ and @. A server with tenants lets nobody in without a key
	// of one; `outcrop keys` makes them, and they stand in no configuration
	// file. Changes here count at once in a running server.
	Tenants map[string]Tenant `yaml:"tenants"`

	// Usage is about the books on who used how much of what.
	Usage Usage `yaml:"usage"`

	// Cassette records exchanges, or replays them.
	Cassette Cassette `yaml:"cassette"`

	// Construct bounds what one Construct call may cost.
	Construct Construct `yaml:"construct"`

	// Nats is where jobs and their results are kept: the address of a NATS
	// cluster with JetStream, or several with commas between them, as in
	// nats://10.0.0.1:4222. Default: in the data directory, by a server inside
	// this process that listens nowhere.
	Nats string `yaml:"nats" expand:"true"`

	// NatsCredentials is the file of the user's credentials for that cluster.
	NatsCredentials string `yaml:"natsCredentials"`

	// NatsReplicas is how many servers of that cluster keep each stream.
	// 0 means 3 in a cluster, and 1 on a single server.
	NatsReplicas int `yaml:"natsReplicas" default:"0"`

	// NatsName stands before the names of all streams and subjects there:
	// servers that are not to see each other's jobs have different ones.
	NatsName string `yaml:"natsName" default:"outcrop"`

	// Batch is about batch jobs.
	Batch Batch `yaml:"batch"`

	// Conversations is about conversations that requests name by
	// requestMetadata: see docs/conversations.md.
	Conversations Conversations `yaml:"conversations"`
	// Events says who is told when batch jobs change their state.
	Events Events `yaml:"events"`

	// Server is about `outcrop serve`.
	Server Server `yaml:"server"`

	// Simulator is about the built-in simulator: about every back-end of kind
	// simulator.
	Simulator Simulator `yaml:"simulator"`
}

// Profile is a set of settings for one profile name.
type Profile struct {
	// Model is the model of requests that name none.
	Model string `yaml:"model"`
	// Region is the AWS Region.
	Region string `yaml:"region"`
	// Backend names the back-end of models that no entry of models matches.
	Backend string `yaml:"backend"`
}

// Backend is one place where models run.
type Backend struct {
	// Kind is what it is: the built-in simulator, a server that speaks
	// OpenAI's Chat Completions, or Amazon Bedrock.
	Kind string `yaml:"kind" enum:"simulator openai amazon"`

	// BaseURL is the server's address with the path of its API, as in
	// http://127.0.0.1:11434/v1.
	BaseURL string `yaml:"baseUrl" kind:"openai" expand:"true"`

	// Engine is which server it is, which decides on native Construct and on
	// whose tokenizer counts. Empty means that the server is asked, by its list
	// of models. Say it where a gateway hides the server, and other where no
	// more is to be expected than what all of them take.
	Engine string `yaml:"engine" kind:"openai" enum:"llama.cpp vllm sglang ollama lmstudio openai other"`

	// Model is the server's model for every id that no entry of models gives
	// another name.
	Model string `yaml:"model" kind:"openai"`

	// APIKeyEnv names the environment variable that holds the API key.
	APIKeyEnv string `yaml:"apiKeyEnv" kind:"openai"`

	// APIKeyFile is the file that holds the API key. White space around the
	// key is cut off.
	APIKeyFile string `yaml:"apiKeyFile" kind:"openai"`

	// Headers are further request headers, such as a gateway's key.
	Headers map[string]string `yaml:"headers" kind:"openai" expand:"true" secret:"true"`

	// Profile is the profile in ~/.aws/config. Default: the profile in force.
	Profile string `yaml:"profile" kind:"amazon"`

	// Region is the AWS Region that is called. Default: the region in force,
	// where a flag, the environment or the file names one; else the profile's.
	Region string `yaml:"region" kind:"amazon"`

	// Endpoint is the URL of the bedrock-runtime service, where it is not
	// AWS's own.
	Endpoint string `yaml:"endpoint" kind:"amazon" expand:"true"`

	// ControlEndpoint is the URL of the bedrock service, which lists models and
	// runs jobs. Default: endpoint, unless that is a host of bedrock-runtime
	// alone; then AWS's own.
	ControlEndpoint string `yaml:"controlEndpoint" kind:"amazon" expand:"true"`

	// Account says whose quotas the calls use up: back-ends of one account and
	// Region share their books. Any name will do, such as the AWS account's
	// number. Default: back-ends of kind amazon with the same profile and
	// endpoint are of one account, all others have one each.
	Account string `yaml:"account"`

	// Roles are the roles that calls of tenants take on, by tenant.
	Roles map[string]Role `yaml:"roles" kind:"amazon"`

	// Batch says where jobs over objects run: at Amazon Bedrock's own batch
	// service, at its price and by its quotas, with the job's roleArn; or
	// onDemand, record by record from here.
	Batch string `yaml:"batch" kind:"amazon" enum:"service onDemand" default:"service"`

	// Limits bound what a call may take.
	Limits BackendLimits `yaml:"limits"`
}

// Role is a role in AWS that calls take on.
type Role struct {
	// ARN is the role's.
	ARN string `yaml:"arn"`
	// ExternalID is what the role's trust policy may ask for.
	ExternalID string `yaml:"externalId"`
	// SessionName is how calls appear in CloudTrail. Default: outcrop- and the
	// tenant's name.
	SessionName string `yaml:"sessionName"`
	// Duration is how long a session lasts.
	Duration time.Duration `yaml:"duration" default:"15m"`
}

// BackendLimits bound the calls to one back-end.
type BackendLimits struct {
	// Dial is how long a connection may take. Default: 10s for openai, 5s for
	// amazon.
	Dial time.Duration `yaml:"dial" kind:"openai amazon"`
	// FirstByte is how long the first event of a stream may take. Default: 5m
	// for openai, 2m for amazon.
	FirstByte time.Duration `yaml:"firstByte" kind:"openai amazon"`
	// Idle is how long a stream may pause. Default: 1m for openai, 2m for
	// amazon.
	Idle time.Duration `yaml:"idle" kind:"openai amazon"`
	// Reply is how long a whole reply may take. Default: 10m for openai, 1h for
	// amazon.
	Reply time.Duration `yaml:"reply" kind:"openai amazon"`
	// MaxReply is the size of the largest reply.
	MaxReply Bytes `yaml:"maxReply" kind:"openai amazon" default:"64MiB"`
	// MaxEvent is the size of a stream's largest event.
	MaxEvent Bytes `yaml:"maxEvent" kind:"openai" default:"1MiB"`
	// MaxConnections is how many idle connections are kept.
	MaxConnections int `yaml:"maxConnections" kind:"openai" min:"1" default:"256"`
	// Concurrent is how many calls, of all its models together, the back-end
	// gets at once: as many as an engine has slots. The others wait, interactive
	// calls before the records of batch jobs, and no longer than quotas.maxWait
	// and quotas.batchMaxWait say. 0 is no bound.
	Concurrent int `yaml:"concurrent" min:"0" default:"0"`
}

// Route says who answers for a model id.
type Route struct {
	// Match is a model id, or a pattern in which * is any text. It is held
	// against the id as it was asked for, without its ARN, and without the
	// geography of an inference profile: anthropic.* also matches
	// us.anthropic.claude-sonnet-4-5-20250929-v1:0.
	Match string `yaml:"match"`

	// Backend names the back-end.
	Backend string `yaml:"backend"`

	// Name is the model's name there; a * in it is what the first * of match
	// stood for. Default: the id as it was asked for.
	Name string `yaml:"name"`

	// Lanes are several places that have the model, in the place of backend and
	// name: back-ends of several accounts or Regions, or one model by its own
	// id, a geographic inference profile and a global one, which have quotas of
	// their own. Each call goes to the lane that can take it first by the quota
	// books, then to the cheaper one, then to the one listed first; a
	// conversation stays where it is. Lanes that no entry of quotas is about are
	// learned, as with learn.
	Lanes []Lane `yaml:"lanes"`

	// Failover lists who is asked next, in order, when the back-end fails in a
	// way that another may not, and before anything of a reply was delivered.
	Failover []Target `yaml:"failover"`
}

// Lane is one of several places that have a model.
type Lane struct {
	// Backend names the back-end, and with it account, Region and roles.
	Backend string `yaml:"backend"`
	// Name is the model's name there, as in the entry itself.
	Name string `yaml:"name"`
	// Price orders lanes that could take a call at the same time, the lower
	// first; in any unit.
	Price float64 `yaml:"price" min:"0" default:"0"`
}

// Target is a back-end and a model's name there.
type Target struct {
	// Backend names the back-end.
	Backend string `yaml:"backend"`
	// Name is the model's name there, as in the entry itself.
	Name string `yaml:"name"`
}

// Price is what the tokens of a model cost, in USD per million. What is left
// out is not known, and no cost is shown for calls that use it.
type Price struct {
	// Match is a model id, or a pattern in which * is any text. It is held
	// against the id as it was asked for, without its ARN, and without the
	// geography of an inference profile.
	Match string `yaml:"match"`
	// Input is the price of a million input tokens.
	Input float64 `yaml:"input" min:"0"`
	// Output is the price of a million output tokens.
	Output float64 `yaml:"output" min:"0"`
	// CacheRead is the price of a million tokens read from a prompt cache.
	CacheRead float64 `yaml:"cacheRead" min:"0"`
	// CacheWrite is the price of a million tokens written to a prompt cache.
	CacheWrite float64 `yaml:"cacheWrite" min:"0"`
	// CacheWrite1h is the price of a million tokens written to a prompt cache
	// that keeps them for an hour.
	CacheWrite1h float64 `yaml:"cacheWrite1h" min:"0"`
	// Batch is what the prices are multiplied with in a batch job of AWS, as
	// 0.5.
	Batch float64 `yaml:"batch" min:"0"`
}

// Batch bounds batch jobs.
type Batch struct {
	// Concurrency is how many records of one job are at the model at once.
	Concurrency int `yaml:"concurrency" min:"1" default:"16"`
	// MinConcurrency is how far down throttling brings the records that are at
	// one back-end: each ThrottlingException halves them, and replies raise
	// them again, one by one, up to concurrency times runningJobs.
	MinConcurrency int `yaml:"minConcurrency" min:"1" default:"1"`
	// Yield has records make room for interactive calls at a back-end that has
	// no limits.concurrent: while there are such calls, and for 30 seconds
	// after, no more records are there than keep it about as busy as more would,
	// which is found out by trying.
	Yield bool `yaml:"yield" default:"true"`
	// RunningJobs is how many jobs run at once; as many others are validated.
	RunningJobs int `yaml:"runningJobs" min:"1" default:"2"`
	// MaxRecords is how many records a job may have, and one of its objects.
	MaxRecords int `yaml:"maxRecords" min:"1" default:"100000"`
	// MinRecords is how many records a job must have; Amazon Bedrock asks for
	// 100.
	MinRecords int `yaml:"minRecords" min:"1" default:"1"`
	// ShardRecords is how many records make a shard: the part of a job that is
	// taken on, and marked as finished, at once.
	ShardRecords int `yaml:"shardRecords" min:"1" default:"500"`
	// KeepFinished is how many jobs that have ended can still be asked for.
	KeepFinished int `yaml:"keepFinished" min:"1" default:"10000"`
	// Retention is how long jobs that have ended can still be asked for; then
	// they are forgotten. Their results stay where the job has put them. 0 keeps
	// them until there are more than keepFinished.
	Retention time.Duration `yaml:"retention" default:"720h"`
	// StagingRetention is how long the copies stay that `outcrop batch run` has
	// in objects.staging, of input and of results. 0 keeps them.
	StagingRetention time.Duration `yaml:"stagingRetention" default:"168h"`
}

// Events says who is told of batch jobs' changes of state, as EventBridge tells
// it of Bedrock's own.
type Events struct {
	// Targets are who is told, by names of your choice. A new name is a new
	// target: it is told of what happens from then on.
	Targets map[string]EventTarget `yaml:"targets"`

	// Statuses are the states that targets are told of, unless they say
	// otherwise. Default: all.
	Statuses []string `yaml:"statuses" enum:"Submitted Validating Scheduled InProgress Completed PartiallyCompleted Failed Stopping Stopped Expired"`

	// MaxAge is after how long an event that its target has not taken is given
	// up.
	MaxAge time.Duration `yaml:"maxAge" default:"24h"`

	// Timeout is how long a target may take for one event.
	Timeout time.Duration `yaml:"timeout" default:"10s"`

	// Backoff is how long a target is left alone after it failed; then twice as
	// long each time.
	Backoff time.Duration `yaml:"backoff" default:"1s"`

	// MaxBackoff is how long it is left alone at most.
	MaxBackoff time.Duration `yaml:"maxBackoff" default:"5m"`
}

// EventTarget is one who is told of events.
type EventTarget struct {
	// Kind is what it is: a URL that events are posted to, a program that is
	// run, a topic of Amazon SNS, or a subject of NATS.
	Kind string `yaml:"kind" enum:"webhook command sns nats"`

	// Statuses are the states it is told of. Default: events.statuses.
	Statuses []string `yaml:"statuses" enum:"Submitted Validating Scheduled InProgress Completed PartiallyCompleted Failed Stopping Stopped Expired"`

	// URL is the webhook's, or that of the NATS server, as in
	// nats://127.0.0.1:4222; several NATS servers have commas between them.
	// Default for NATS: the setting nats.
	URL string `yaml:"url" kind:"webhook nats" expand:"true"`

	// Auth is how the webhook knows who posts: by an HMAC-SHA256 of the body in
	// the header Outcrop-Signature, or by a bearer token; secretEnv or
	// secretFile holds the key or the token.
	Auth string `yaml:"auth" kind:"webhook" enum:"none hmac bearer" default:"none"`

	// SecretEnv names the environment variable that holds the secret.
	SecretEnv string `yaml:"secretEnv" kind:"webhook"`

	// SecretFile is the file that holds the secret. White space around it is
	// cut off.
	SecretFile string `yaml:"secretFile" kind:"webhook"`

	// Command is the program and its arguments. It is run for each event, which
	// it reads from its standard input; there is no shell. When it exits with 0,
	// it has taken the event.
	Command []string `yaml:"command" kind:"command"`

	// TopicARN is the ARN of the topic; its Region is the one that is called.
	TopicARN string `yaml:"topicArn" kind:"sns"`

	// Profile is the profile in ~/.aws/config. Default: as for amazon
	// back-ends.
	Profile string `yaml:"profile" kind:"sns"`

	// Endpoint is the URL of SNS, where it is not Amazon's own.
	Endpoint string `yaml:"endpoint" kind:"sns" expand:"true"`

	// Subject is the subject that is published to.
	Subject string `yaml:"subject" kind:"nats"`

	// Credentials is the file of the user's NATS credentials. Default: the
	// setting natsCredentials, where url is not given.
	Credentials string `yaml:"credentials" kind:"nats"`

	// Stream asks that a stream of JetStream takes the event and says so;
	// otherwise it is enough that the server has it.
	Stream bool `yaml:"stream" kind:"nats" default:"false"`
}

// Conversations says how conversations are kept, and what of them is sent.
type Conversations struct {
	// Memory is how what is sent is chosen, where a request does not say by
	// outcrop:memory.
	Memory string `yaml:"memory" enum:"auto full window prune summary hierarchical" default:"auto"`
	// Budget is how many input tokens a request of a conversation has at most,
	// where it does not say by outcrop:budget. 0 takes nine tenths of what the
	// model's context window leaves beside its longest reply.
	Budget int `yaml:"budget" min:"0" default:"0"`
	// OnConflict is what becomes of a turn that meets another one of the same
	// conversation: it waits, is refused, or goes on in a copy.
	OnConflict string `yaml:"onConflict" enum:"queue reject fork" default:"queue"`
	// SummaryModel is the model that writes summaries in the background.
	// Default: none; extracts stand in for them.
	SummaryModel string `yaml:"summaryModel"`
	// Retention is how long a conversation is kept after its last turn. 0
	// keeps it until it is deleted.
	Retention time.Duration `yaml:"retention" min:"0" default:"0s"`
	// Recognise has a Converse request that names no conversation, and sends its
	// history, go on with the one that begins with the same exchange, or be kept
	// from then on. Programs written for AWS have their state kept by it
	// without a change.
	Recognise bool `yaml:"recognise" default:"false"`
	// MaxOpen is how many conversations are held in memory between turns.
	MaxOpen int `yaml:"maxOpen" min:"1" default:"256"`
	// EncryptionKeyEnv names the environment variable that holds the key with
	// which conversations are encrypted on disk: 32 bytes in base64, as
	// openssl rand -base64 32 makes them. Default: they are not encrypted.
	EncryptionKeyEnv string `yaml:"encryptionKeyEnv"`
	// EncryptionKeyFile is a file that holds that key.
	EncryptionKeyFile string `yaml:"encryptionKeyFile"`
}

// Circuit says when a back-end is left alone.
type Circuit struct {
	// Failures is how many calls in a row must fail before a back-end is left
	// alone. Throttling does not count: it is the answer of a healthy one.
	Failures int `yaml:"failures" min:"1" default:"5"`
	// Open is how long it is left alone the first time. Then one call tries
	// it; if that fails too, the time doubles.
	Open time.Duration `yaml:"open" default:"10s"`
	// MaxOpen is how long it is left alone at most.
	MaxOpen time.Duration `yaml:"maxOpen" default:"2m"`
}

// Quotas are what services grant.
type Quotas struct {
	// Observe books and reports, and neither delays nor changes a call.
	Observe bool `yaml:"observe" default:"false"`
	// MaxWait is how long an interactive call waits for its turn before it is
	// refused as Bedrock refuses. boto3 and the AWS CLI give up after 60s.
	MaxWait time.Duration `yaml:"maxWait" default:"30s"`
	// BatchMaxWait is the same for the records of batch jobs.
	BatchMaxWait time.Duration `yaml:"batchMaxWait" default:"10m"`
	// SpareWait is how long a call waits for a back-end where the failover list
	// has another after it.
	SpareWait time.Duration `yaml:"spareWait" default:"2s"`
	// TokensPerDay bounds each account and Region over all models, from
	// midnight UTC. 0 is no limit.
	TokensPerDay int64 `yaml:"tokensPerDay" min:"0" default:"0"`
	// Models are the quotas of models. The first entry that fits a call counts;
	// a call that none fits is not governed.
	Models []Quota `yaml:"models"`
}

// Quota is what each model of a pattern is granted. Every model that matches
// has a pool of its own, and so has each of its scopes, as with Bedrock, which
// counts all methods of inference together.
type Quota struct {
	// Match is a model id, or a pattern in which * is any text. It is held
	// against the id that the back-end is given, without its ARN, and without
	// the geography of an inference profile.
	Match string `yaml:"match"`
	// Backend names the one back-end that the entry is about. Default: all.
	Backend string `yaml:"backend"`
	// Scope is the one kind of id that the entry is about: the model's own, a
	// geographic inference profile (us., eu.), or a global one. Default: all,
	// each with these limits.
	Scope string `yaml:"scope" enum:"in-region geo global"`
	// Methods gives these methods a pool of their own: sync, stream, async,
	// converse (and construct with it). Default: one pool for all, as with
	// Bedrock.
	Methods []string `yaml:"methods"`
	// TPM is tokens per minute. 0 is no limit.
	TPM int64 `yaml:"tpm" min:"0" default:"0"`
	// RPM is requests per minute. 0 is no limit.
	RPM int64 `yaml:"rpm" min:"0" default:"0"`
	// TokensPerDay is a day of the model's own, in the place of the account's.
	TokensPerDay int64 `yaml:"tokensPerDay" min:"0" default:"0"`
	// Concurrent is how many requests may be under way at once. 0 is no limit.
	Concurrent int `yaml:"concurrent" min:"0" default:"0"`
	// ConcurrentJobs is how many batch jobs may be submitted or in progress at
	// once, in an account. 0 is no limit.
	ConcurrentJobs int `yaml:"concurrentJobs" min:"0" default:"0"`
	// Burndown is how many tokens of quota an output token uses. 0 takes the
	// built-in table: 5, 10 or 15 for Claude from 3.7 on, 1 for others.
	Burndown float64 `yaml:"burndown" min:"0" default:"0"`
	// Accounting is how the service is thought to count, which AWS does not
	// publish: every stretch of a window, which no way of counting throttles
	// and which leaves some of the quota unused; fixed windows, wherever they
	// begin; or a bucket that refills continuously.
	Accounting string `yaml:"accounting" enum:"window fixed bucket" default:"window"`
	// Window is the stretch of time over which the service counts. It does not
	// change what tpm and rpm mean, which are per minute: with rpm 6, a window of
	// 10s grants 1 request.
	Window time.Duration `yaml:"window" default:"1m"`
	// Learn says that the quota is not known, or that others use it too: begin
	// at half of tpm and rpm, or low where neither is set, and find out.
	Learn bool `yaml:"learn" default:"false"`
	// MaxTokens is filled in as the output limit of calls that set none; the
	// model's own maximum, which Bedrock would reserve, bounds it.
	MaxTokens int `yaml:"maxTokens" min:"1" default:"4096"`
	// Shorten sends lower output limits, by what replies were learned to need,
	// and continues the plain texts that need more.
	Shorten bool `yaml:"shorten" default:"false"`
}

// Objects says where what jobs read and write lies.
type Objects struct {
	// Store is what s3:// URIs stand for: the directory objects of the data
	// directory, which the server also offers to S3 clients, or S3 itself,
	// Amazon's or any compatible service's.
	Store string `yaml:"store" enum:"directory s3" default:"directory"`

	// Endpoint is the URL of the S3 service, where it is not Amazon's own.
	// Default: what the AWS configuration says.
	Endpoint string `yaml:"endpoint" env:"AWS_ENDPOINT_URL_S3" expand:"true"`

	// Region is the AWS Region of the buckets. Default: as for amazon
	// back-ends.
	Region string `yaml:"region"`

	// Profile is the profile in ~/.aws/config. Default: as for amazon
	// back-ends.
	Profile string `yaml:"profile"`

	// Addressing says where URLs have the bucket: in the path, as most services
	// that are not Amazon's want it, or in the host's name. auto is path where
	// there is an endpoint.
	Addressing string `yaml:"addressing" enum:"auto path virtual" default:"auto"`

	// Staging is the bucket through which `outcrop batch` hands its files over.
	// On S3 it has to exist.
	Staging string `yaml:"staging" default:"outcrop-batch"`

	// PartSize is what is sent to S3 at a time; a writer holds that much in
	// memory, and more for objects beyond a thousand parts.
	PartSize Bytes `yaml:"partSize" default:"8MiB"`

	// MaxObject is the size of the largest object that S3 clients may put into
	// the directory.
	MaxObject Bytes `yaml:"maxObject" default:"5GiB"`

	// UploadExpiry is after how long the parts of an upload into the directory
	// that nobody completed are removed.
	UploadExpiry time.Duration `yaml:"uploadExpiry" default:"168h"`
}

// Tenant is one on whose behalf a server works.
type Tenant struct {
	// Account is the tenant's AWS account of 12 digits, in quotes, for ARNs.
	// Tenants of one account see each other's jobs. Default: one that is made
	// of the name.
	Account string `yaml:"account"`

	// Weight is the tenant's share where several wait for the same quota.
	Weight float64 `yaml:"weight" min:"0" default:"1"`

	// Class is how urgent the tenant's calls are. Records of jobs are batch
	// in any case, or background.
	Class string `yaml:"class" enum:"interactive batch background" default:"interactive"`

	// Models are the model ids that the tenant may use, or patterns in which
	// * is any text, held against ids as the match of models is. Default: all.
	Models []string `yaml:"models"`

	// Operator lets the tenant see the usage of all tenants, the quota books and the metrics.
	Operator bool `yaml:"operator" default:"false"`

	// Limits bound what the tenant may use, over all its models together.
	Limits TenantLimits `yaml:"limits"`

	// Spending caps what the tenant's calls may cost by the table of prices.
	Spending Spending `yaml:"spending"`
}

// TenantLimits bound what one tenant may use. They are counted as Bedrock
// counts: a call reserves its input tokens and its output limit, and is settled
// at what it used, where output tokens of some models count several times. A
// call without an output limit reserves 4,096 tokens for it, the model's own, or
// a quarter of the quota, whichever is least.
type TenantLimits struct {
	// RequestsPerMinute is how many calls may begin in a minute. 0 is no
	// limit.
	RequestsPerMinute int64 `yaml:"requestsPerMinute" min:"0" default:"0"`
	// TokensPerMinute is how many tokens a minute has. 0 is no limit.
	TokensPerMinute int64 `yaml:"tokensPerMinute" min:"0" default:"0"`
	// TokensPerDay is how many tokens a day has; days begin at midnight UTC. 0
	// is no limit.
	TokensPerDay int64 `yaml:"tokensPerDay" min:"0" default:"0"`
	// Concurrent is how many calls may be under way at once. 0 is no limit.
	Concurrent int `yaml:"concurrent" min:"0" default:"0"`
	// Queue is how long a call may wait for these limits before it is refused
	// as throttled. 0 refuses at once, as Bedrock does.
	Queue time.Duration `yaml:"queue" default:"0s"`
	// BatchQueue is the same for records of jobs, which nobody waits for.
	BatchQueue time.Duration `yaml:"batchQueue" default:"10m"`
}

// Spending caps what calls may cost. A call that begins below the cap is
// finished, so that the cap may be passed by the cost of one call.
type Spending struct {
	// PerDay is in US dollars; days begin at midnight UTC. 0 is no cap.
	PerDay float64 `yaml:"perDay" min:"0" default:"0"`
	// PerMonth is in US dollars; months begin at midnight UTC. 0 is no cap.
	PerMonth float64 `yaml:"perMonth" min:"0" default:"0"`
}

// Usage is about the books on who used how much of what, in the directory
// usage of the data directory.
type Usage struct {
	// Flush is how often they are written. What a process that is killed had
	// not written yet is lost; one that stops in order loses nothing.
	Flush time.Duration `yaml:"flush" default:"2s"`
	// RetentionDays is how long they are kept.
	RetentionDays int `yaml:"retentionDays" min:"62" default:"400"`
	// MaxSeries is how many combinations of tenant, model and method are told
	// apart within an hour, in the books and in the metrics. What comes after
	// them is counted under the model (other).
	MaxSeries int `yaml:"maxSeries" min:"1" default:"2000"`
}

// Cassette says what is recorded, and what is replayed.
type Cassette struct {
	// Record is the directory into which every exchange with a back-end is
	// written.
	Record string `yaml:"record"`
	// Replay is the directory of exchanges that are answered instead of asking
	// a back-end; no back-end is opened then.
	Replay string `yaml:"replay"`
	// Paced replays streams and latencies at the pace at which they were
	// recorded, and not at once.
	Paced bool `yaml:"paced" default:"false"`
	// Ignore are the members at the top of a request's body that do not count
	// when its recording is looked for: those that change from run to run.
	// Default: requestMetadata.
	Ignore []string `yaml:"ignore"`
}

// Construct bounds a Construct call beside the request's maxAttempts.
type Construct struct {
	// MaxTokens is how many tokens all attempts may take together, input and
	// output; beyond it no further attempt begins. 0 is no limit.
	MaxTokens int `yaml:"maxTokens" min:"0" default:"0"`
	// MaxTime is how long all attempts may take together. 0 is no limit.
	MaxTime time.Duration `yaml:"maxTime" default:"0s"`
}

// Server is about the HTTP door.
type Server struct {
	// Listen is the address to listen on; port 0 takes a free one.
	Listen string `yaml:"listen" default:"127.0.0.1:8777"`

	// Keys is a file of further tenants with their access keys and bearer
	// tokens, written by hand. Without it and without tenants only loopback
	// addresses are served, to anybody there.
	Keys string `yaml:"keys"`

	// KeyStore is the file of the keys that `outcrop keys` makes for tenants.
	// It is read again when it changes. Default: keys.json in the data
	// directory.
	KeyStore string `yaml:"keyStore"`

	// MasterKeyFile is the file of the master key that the key store is sealed
	// with: 32 random bytes in base64 or hex. $OUTCROP_MASTER_KEY comes before
	// it. Without one, secrets are protected by the file's mode alone.
	MasterKeyFile string `yaml:"masterKeyFile"`

	// Account is the AWS account of requests without a tenant, for ARNs.
	Account string `yaml:"account" default:"000000000000"`

	// AllowedHosts are further names under which the server is reached on a
	// loopback address, as through a reverse proxy.
	AllowedHosts []string `yaml:"allowedHosts"`

	// Console has the server show its web page to browsers, at / of its address.
	Console bool `yaml:"console" default:"true"`

	// TLSCert is the file of the certificate chain, in PEM; with tlsKey, the
	// server speaks TLS.
	TLSCert string `yaml:"tlsCert"`

	// TLSKey is the file of the certificate's private key, in PEM.
	TLSKey string `yaml:"tlsKey"`

	// MaxSkew is how far a client's clock may be off when it signs.
	MaxSkew time.Duration `yaml:"maxSkew" default:"5m"`

	// Limits bound what a client can take up.
	Limits ServerLimits `yaml:"limits"`
}

// ServerLimits bound what a client can take up.
type ServerLimits struct {
	// MaxBody is the size of the largest request body.
	MaxBody Bytes `yaml:"maxBody" default:"25MB"`
	// HeldBodies is how much of request bodies longer than 256 KiB is held at once; a
	// request that finds no room waits, for readTimeout at most. A body takes
	// three to six times its size until its memory is collected. One tenant has half
	// of it at most.
	HeldBodies Bytes `yaml:"heldBodies" default:"1GB"`
	// MaxHeader is how large a request's headers may be together.
	MaxHeader Bytes `yaml:"maxHeader" default:"64KiB"`
	// ReadHeaderTimeout is how long a client may take to send its headers.
	ReadHeaderTimeout time.Duration `yaml:"readHeaderTimeout" default:"10s"`
	// ReadTimeout is how long a client may take to send the whole request.
	ReadTimeout time.Duration `yaml:"readTimeout" default:"2m"`
	// IdleTimeout closes a connection without requests.
	IdleTimeout time.Duration `yaml:"idleTimeout" default:"3m"`
	// WriteStall is how long a client may leave a part of a reply unread.
	WriteStall time.Duration `yaml:"writeStall" default:"30s"`
	// LameDuck is how long new requests are still taken after /readyz says no.
	LameDuck time.Duration `yaml:"lameDuck" default:"0s"`
	// DrainTimeout is how long requests under way may go on when the server
	// stops.
	DrainTimeout time.Duration `yaml:"drainTimeout" default:"25s"`
	// CloseTimeout is how long each of them then has to take its error.
	CloseTimeout time.Duration `yaml:"closeTimeout" default:"3s"`
	// MaxStreams is how many requests one HTTP/2 connection carries at once.
	MaxStreams int `yaml:"maxStreams" min:"1" default:"1000"`
}

// Simulator says how a simulator answers.
type Simulator struct {
	// Rules is the file that scripts replies. It is read again when it has
	// changed.
	Rules string `yaml:"rules" env:"OUTCROP_RULES"`
	// Pace makes replies take time, at the pace of the three settings below.
	Pace bool `yaml:"pace" default:"false"`
	// FirstToken is the time to the first token.
	FirstToken time.Duration `yaml:"firstToken" default:"400ms"`
	// TokensPerSecond is the speed after it.
	TokensPerSecond float64 `yaml:"tokensPerSecond" min:"0" default:"80"`
	// Jitter is how far times vary around these, from 0 to 1.
	Jitter float64 `yaml:"jitter" min:"0" default:"0.2"`
	// Concurrent is how many replies a model writes at once, while they take
	// time; calls beyond wait in the order in which they came, as at an engine
	// with so many slots. 0 is no bound.
	Concurrent int `yaml:"concurrent" min:"0" default:"0"`
}
