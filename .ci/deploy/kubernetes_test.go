package deploy_test

import (
	"bytes"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// manifest is what kubernetes.yaml asks for.
type manifest struct {
	config     core.ConfigMap
	service    core.Service
	deployment apps.Deployment
	policy     networking.NetworkPolicy
}

func (m *manifest) pod() *core.PodSpec         { return &m.deployment.Spec.Template.Spec }
func (m *manifest) container() *core.Container { return &m.pod().Containers[0] }

// readManifest refuses fields that Kubernetes does not know, and repeated ones.
func readManifest() *manifest {
	GinkgoHelper()
	m := &manifest{}
	for _, document := range bytes.Split(read("kubernetes.yaml"), []byte("\n---\n")) {
		var kind meta.TypeMeta
		Expect(yaml.Unmarshal(document, &kind)).To(Succeed())
		object := map[string]any{
			"v1/ConfigMap": &m.config, "v1/Service": &m.service, "apps/v1/Deployment": &m.deployment,
			"networking.k8s.io/v1/NetworkPolicy": &m.policy,
		}[kind.APIVersion+"/"+kind.Kind]
		Expect(object).NotTo(BeNil(), kind.Kind)
		Expect(yaml.UnmarshalStrict(document, object)).To(Succeed(), kind.Kind)
	}
	return m
}

var _ = Describe("The manifest for Kubernetes", func() {
	var m *manifest

	BeforeEach(func() { m = readManifest() })

	It("selects the pods that it makes", func() {
		pods := labels.Set(m.deployment.Spec.Template.Labels)
		chosen, err := meta.LabelSelectorAsSelector(m.deployment.Spec.Selector)
		Expect(err).NotTo(HaveOccurred())
		Expect(chosen.Matches(pods)).To(BeTrue())
		Expect(labels.SelectorFromSet(m.service.Spec.Selector).Matches(pods)).To(BeTrue())
		protected, err := meta.LabelSelectorAsSelector(&m.policy.Spec.PodSelector)
		Expect(err).NotTo(HaveOccurred())
		Expect(protected.Matches(pods)).To(BeTrue())
	})

	It("names ports and volumes that are there", func() {
		ports := map[string]bool{}
		for _, p := range m.container().Ports {
			ports[p.Name] = true
		}
		named := []intstr.IntOrString{
			m.service.Spec.Ports[0].TargetPort, *m.policy.Spec.Ingress[0].Ports[0].Port,
			m.container().ReadinessProbe.HTTPGet.Port, m.container().LivenessProbe.HTTPGet.Port,
		}
		for _, port := range named {
			Expect(ports).To(HaveKey(port.StrVal))
		}
		volumes := map[string]bool{}
		for _, v := range m.pod().Volumes {
			volumes[v.Name] = true
		}
		Expect(m.container().VolumeMounts).To(HaveLen(len(volumes)))
		for _, mount := range m.container().VolumeMounts {
			Expect(volumes).To(HaveKey(mount.Name))
			Expect(mount.ReadOnly).To(BeTrue(), mount.Name)
		}
	})

	It("gives the server what it needs and no more", func() {
		c := m.container()
		limit := c.Resources.Limits[core.ResourceMemory]
		Expect(limit.Value()).To(BeNumerically(">=", 512<<20*4/3), "max_memory, and room for the rest")
		Expect(c.Resources.Requests[core.ResourceMemory]).To(Equal(limit))
		Expect(*m.pod().SecurityContext.RunAsNonRoot).To(BeTrue())
		Expect(*m.pod().AutomountServiceAccountToken).To(BeFalse())
		Expect(*c.SecurityContext.ReadOnlyRootFilesystem).To(BeTrue())
		Expect(*c.SecurityContext.AllowPrivilegeEscalation).To(BeFalse())
		Expect(c.SecurityContext.Capabilities.Drop).To(ConsistOf(core.Capability("ALL")))
	})
})
