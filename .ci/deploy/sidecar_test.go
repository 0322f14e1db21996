package deploy_test

import (
	"bytes"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var _ = Describe("The manifest for a sidecar in Kubernetes", func() {
	var (
		config     core.ConfigMap
		deployment apps.Deployment
		pod        *core.PodSpec
		sidecar    *core.Container
	)
	BeforeEach(func() {
		text, err := os.ReadFile("../../cryptomem/proxy/deploy/kubernetes.yaml")
		Expect(err).NotTo(HaveOccurred())
		config, deployment = core.ConfigMap{}, apps.Deployment{}
		for _, document := range bytes.Split(text, []byte("\n---\n")) {
			var kind meta.TypeMeta
			Expect(yaml.Unmarshal(document, &kind)).To(Succeed())
			object := map[string]any{"ConfigMap": &config, "Deployment": &deployment}[kind.Kind]
			Expect(object).NotTo(BeNil(), kind.Kind)
			Expect(yaml.UnmarshalStrict(document, object)).To(Succeed(), kind.Kind)
		}
		pod = &deployment.Spec.Template.Spec
		sidecar = &pod.InitContainers[0]
	})

	It("starts the proxy before the program, and keeps it until after", func() {
		Expect(*sidecar.RestartPolicy).To(Equal(core.ContainerRestartPolicyAlways))
		Expect(sidecar.StartupProbe.HTTPGet.Path).To(Equal("/healthz"))
		Expect(sidecar.Args).To(Equal([]string{"proxy", "--config", "/etc/cryptomem/config/proxy.yaml"}))
	})

	It("sends requests to the pod while the upstream answers", func() {
		Expect(sidecar.ReadinessProbe.HTTPGet.Path).To(Equal("/readyz"))
		for _, probe := range []*core.Probe{sidecar.StartupProbe, sidecar.ReadinessProbe, sidecar.LivenessProbe} {
			Expect(probe.HTTPGet.Port.StrVal).To(Equal(sidecar.Ports[0].Name))
		}
	})

	It("mounts what its configuration names, the key for the proxy alone", func() {
		mounted := map[string]string{}
		for _, m := range sidecar.VolumeMounts {
			mounted[m.MountPath] = m.Name
			Expect(m.ReadOnly).To(Equal(m.Name != "socket"), m.Name)
		}
		Expect(config.Data["proxy.yaml"]).To(ContainSubstring("key_file: /etc/cryptomem/key/key.json\n"))
		Expect(mounted).To(HaveKeyWithValue("/etc/cryptomem/key", "key"))
		Expect(mounted).To(HaveKeyWithValue("/etc/cryptomem/token", "token"))
		Expect(mounted).To(HaveKeyWithValue("/etc/cryptomem/ca", "ca"))
		Expect(pod.Volumes).To(HaveLen(len(mounted)))
		Expect(pod.Containers[0].VolumeMounts).To(HaveLen(1))
		Expect(pod.Containers[0].VolumeMounts[0].Name).To(Equal("socket"))
	})

	It("gives no container more than it needs", func() {
		Expect(*pod.SecurityContext.RunAsNonRoot).To(BeTrue())
		Expect(*pod.AutomountServiceAccountToken).To(BeFalse())
		for _, c := range []*core.Container{sidecar, &pod.Containers[0]} {
			Expect(*c.SecurityContext.ReadOnlyRootFilesystem).To(BeTrue())
			Expect(*c.SecurityContext.AllowPrivilegeEscalation).To(BeFalse())
			Expect(c.SecurityContext.Capabilities.Drop).To(ConsistOf(core.Capability("ALL")))
			Expect(c.Resources.Limits[core.ResourceMemory]).To(Equal(c.Resources.Requests[core.ResourceMemory]))
		}
	})
})
