package simulator

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
)

// random is a stream of numbers that follows from its seed alone, the same on
// every machine and in every release. It is SplitMix64 (Steele, Lea, Flood:
// Fast splittable pseudorandom number generators, 2014). It is no source of
// secrets.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1; n is small, so its bias is none that
// anybody could see.
func (r *random) below(n int) int {
	high, _ := bits.Mul64(r.next(), uint64(n))
	return int(high)
}

// fraction returns a number from 0 up to, not including, 1.
func (r *random) fraction() float64 { return float64(r.next()>>11) / (1 << 53) }

// fork is a stream of its own for one purpose, so that what one purpose draws
// does not move the others.
func (r random) fork(purpose uint64) random {
	f := r ^ random(purpose*0xd6e8feb86659fd93)
	f.next()
	return f
}

func (r *random) bytes(n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.next())
	}
	return b[:n]
}

// toolUseID is an id as Bedrock's look: "tooluse_" and 22 characters.
func (r *random) toolUseID() string {
	return "tooluse_" + base64.RawURLEncoding.EncodeToString(r.bytes(16))
}

// requestID is a UUID, version 4 in form.
func (r *random) requestID() string {
	b := r.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var s [36]byte
	hex.Encode(s[:], b[:4])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	hex.Encode(s[9:], b[4:6])
	hex.Encode(s[14:], b[6:8])
	hex.Encode(s[19:], b[8:10])
	hex.Encode(s[24:], b[10:])
	return string(s[:])
}

// digest hashes a request's content to the seed of its reply, eight bytes at
// a time. It is neither secure nor meant to be: callers can look for equal
// replies as long as they like.
type digest uint64

const digestPrime = 0x9fb21c651e98df25

func (d *digest) word(v uint64) {
	x := (uint64(*d) ^ v) * digestPrime
	*d = digest(bits.RotateLeft64(x, 29) ^ x>>32)
}

func (d *digest) text(s string) {
	n := uint64(len(s))
	for len(s) >= 8 {
		d.word(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
		s = s[8:]
	}
	var tail uint64
	for i := range len(s) {
		tail |= uint64(s[i]) << (8 * i)
	}
	d.word(tail)
	d.word(n)
}

func (d *digest) data(b []byte) {
	n := uint64(len(b))
	for len(b) >= 8 {
		d.word(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	var tail uint64
	for i := range b {
		tail |= uint64(b[i]) << (8 * i)
	}
	d.word(tail)
	d.word(n)
}
