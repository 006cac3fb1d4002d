// Package servicequotas speaks of Amazon Bedrock's quotas as AWS's service
// Service Quotas does: by names, which a person can look up in its console.
//
//	list := servicequotas.List(catalog.Default(), limits)      // limits as named quotas
//	models, unknown := servicequotas.Read(catalog.Default(), list) // and back
//	http.Handle("/", &servicequotas.Handler{Quotas: …})        // ListServiceQuotas, GetServiceQuota
//
// The names are "On-demand model inference tokens per minute for Amazon Nova
// Lite" and the like; AWS's capitals vary, and models are called by marketing
// names, so reading is tolerant of order, case and filler words. A quota's code
// is found by listing: AWS's codes follow no rule, and Outcrop's, for its own
// limits, are made of the names.
package servicequotas
