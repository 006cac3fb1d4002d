package s3server

import (
	"crypto/sha1" //nolint:gosec // one of S3's checksums, against accidents
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/objects"
)

// algorithms are the checksums that S3 knows, by the names that it gives them.
// New makes a hash whose sum is in the byte order of the header's value.
var algorithms = map[string]func() hash.Hash{
	"CRC32":     func() hash.Hash { return crc32.NewIEEE() },
	"CRC32C":    func() hash.Hash { return crc32.New(castagnoli) },
	"CRC64NVME": func() hash.Hash { return crc64.New(nvme) },
	"SHA1":      sha1.New,
	"SHA256":    sha256.New,
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	// The reversed polynomial of CRC-64/NVME, from the NVM Express NVM Command
	// Set Specification 1.0, section 5.2.1.3.4.
	nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)
)

const (
	checksumPrefix = "x-amz-checksum-"
	composite      = "COMPOSITE"
	fullObject     = "FULL_OBJECT"
)

// checksumHeader is the name of an algorithm's header, in lower case.
func checksumHeader(algorithm string) string { return checksumPrefix + strings.ToLower(algorithm) }

// algorithmOf is the algorithm of a header or a trailer, "" when it is none's.
func algorithmOf(name string) string {
	suffix, ok := strings.CutPrefix(strings.ToLower(name), checksumPrefix)
	if !ok {
		return ""
	}
	algorithm := strings.ToUpper(suffix)
	if algorithms[algorithm] == nil {
		return ""
	}
	return algorithm
}

// declared is the checksum that a head announces: its algorithm, and its value
// unless that comes in a trailer.
func declared(header http.Header) (algorithm, value string, err error) {
	for name, values := range header {
		a := algorithmOf(name)
		if a == "" {
			continue
		}
		if algorithm != "" || len(values) > 1 {
			return "", "", fail("InvalidRequest", http.StatusBadRequest, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		algorithm, value = a, values[0]
	}
	for _, list := range header["X-Amz-Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			a := algorithmOf(strings.TrimSpace(name))
			if a == "" {
				return "", "", fail("InvalidRequest", http.StatusBadRequest, "The value specified in the x-amz-trailer header is not supported")
			}
			if algorithm != "" {
				return "", "", fail("InvalidRequest", http.StatusBadRequest, "Expecting a single x-amz-checksum- header or trailer.")
			}
			algorithm = a
		}
	}
	if value != "" && !isChecksum(algorithm, value) {
		return "", "", fail("InvalidRequest", http.StatusBadRequest, "Value for %s header is invalid.", checksumHeader(algorithm))
	}
	return algorithm, value, nil
}

// isChecksum tells whether a value is base64 of the algorithm's length.
func isChecksum(algorithm, value string) bool {
	sum, err := base64.StdEncoding.DecodeString(value)
	return err == nil && len(sum) == algorithms[algorithm]().Size()
}

// showChecksum sets the headers of an object's checksum.
func showChecksum(header http.Header, sum objects.Checksum) {
	if sum.Algorithm == "" {
		return
	}
	header.Set(checksumHeader(sum.Algorithm), sum.Value)
	header.Set("X-Amz-Checksum-Type", checksumType(sum))
}

func checksumType(sum objects.Checksum) string {
	if strings.Contains(sum.Value, "-") {
		return composite
	}
	return fullObject
}

// checksums are the members of XML that hold a checksum.
type checksums struct {
	CRC32     string `xml:"ChecksumCRC32,omitempty"`
	CRC32C    string `xml:"ChecksumCRC32C,omitempty"`
	CRC64NVME string `xml:"ChecksumCRC64NVME,omitempty"`
	SHA1      string `xml:"ChecksumSHA1,omitempty"`
	SHA256    string `xml:"ChecksumSHA256,omitempty"`
}

func (s *checksums) member(algorithm string) *string {
	members := map[string]*string{"CRC32": &s.CRC32, "CRC32C": &s.CRC32C, "CRC64NVME": &s.CRC64NVME, "SHA1": &s.SHA1, "SHA256": &s.SHA256}
	return members[algorithm]
}

func checksumsOf(sum objects.Checksum) checksums {
	var s checksums
	if sum.Algorithm != "" {
		*s.member(sum.Algorithm) = sum.Value
	}
	return s
}

// agree tells whether no checksum that is set says anything else.
func (s *checksums) agree(sum objects.Checksum) bool {
	for algorithm := range algorithms {
		if v := *s.member(algorithm); v != "" && sum.Algorithm == algorithm && v != sum.Value {
			return false
		}
	}
	return true
}

// checksumTypes says which kinds of checksum of a whole upload each algorithm
// has, its own first.
func checksumTypes(algorithm string) []string {
	switch algorithm {
	case "CRC64NVME":
		return []string{fullObject}
	case "CRC32", "CRC32C":
		return []string{composite, fullObject}
	}
	return []string{composite}
}

func allows(algorithm, kind string) bool { return slices.Contains(checksumTypes(algorithm), kind) }
