// The Go road through a dump of Secrets, the peer of benches/dump.rs: encoding/json, encoding/pem and crypto/x509, as most tools for
// Kubernetes have it. Prints how many certificates there are.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"os"
	"time"
)

type secrets struct {
	Items []struct {
		Metadata struct{ Name, Namespace string }
		Data     map[string][]byte
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var list secrets
	if err := json.Unmarshal(text, &list); err != nil {
		log.Fatal(err)
	}
	count, ended := 0, 0
	for _, secret := range list.Items {
		for _, rest := range secret.Data {
			for {
				var block *pem.Block
				if block, rest = pem.Decode(rest); block == nil {
					break
				}
				if block.Type != "CERTIFICATE" {
					continue
				}
				certificate, err := x509.ParseCertificate(block.Bytes)
				if err != nil {
					log.Fatal(err)
				}
				count++
				if certificate.NotAfter.Before(time.Now()) {
					ended++
				}
			}
		}
	}
	fmt.Println(count)
	_ = ended
}
