package doctor_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
)

var _ = DescribeTable("A secret that is plainly the text of fewer bytes is noticed",
	func(secret, said string) {
		if said == "" {
			Expect(doctor.EncodedSecret(secret)).To(BeEmpty())
			return
		}
		Expect(doctor.EncodedSecret(secret)).To(ContainSubstring(said))
	},
	Entry("hexadecimal", "0123456789abcdef0123456789abcdef", "hexadecimal of 16 bytes: that is 128 bits, where a key has 256"),
	Entry("in capitals", "0123456789ABCDEF0123456789ABCDEF", "hexadecimal of 16 bytes"),
	Entry("base64", "q83vASNFZ4mrze8BI0VniavN7wEjRWeJ", "base64 of 24 bytes: that is 192 bits"),
	Entry("base64 for URLs", "q83vASNFZ4mrze8B-0VniavN7wEj_WeJ", "base64 of 24 bytes"),
	Entry("but not a phrase", "your-32-byte-very-secret-key-!!!", ""),
	Entry("nor words", "correcthorsebatterystaplecorrect", ""),
	Entry("nor raw bytes", string([]byte{0xff, 31: 0x80}), ""),
	Entry("nor what is no key at all", "0123456789abcdef", ""),
)
