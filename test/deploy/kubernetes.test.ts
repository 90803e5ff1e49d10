/**
 * The manifests are checked without a cluster: selectors find pods, ports have names that exist, every container is as restricted
 * as the namespaces demand, the PCI zone is alone with the vault, and the program accepts every pod's settings.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { readOptions, readStartOptions } from '../../src/config/from-env.ts';
import { deployFiles, documentsOf, imageEnvironment, textOf } from './files.ts';

type Labels = Record<string, string>;

interface Probe {
  httpGet: { path: string; port: string; scheme: string };
  periodSeconds: number;
  failureThreshold: number;
}

interface Container {
  name: string;
  image: string;
  args?: string[];
  envFrom: { configMapRef: { name: string } }[];
  env: { name: string; valueFrom: { secretKeyRef: { name: string; key: string } } }[];
  ports?: { name: string; containerPort: number }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  resources: { requests: Labels; limits: Labels };
  securityContext: object;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}

interface Pod {
  metadata: { labels: Labels };
  spec: {
    automountServiceAccountToken: boolean;
    enableServiceLinks: boolean;
    terminationGracePeriodSeconds?: number;
    securityContext: object;
    containers: Container[];
    volumes: { name: string; secret?: { secretName: string } }[];
  };
}

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  data?: Labels;
  // biome-ignore lint/suspicious/noExplicitAny: one shape for each kind; each test reads its own.
  spec: any;
}

const FILES = deployFiles('deploy/kubernetes/*.yaml');
const manifests = FILES.filter((file) => !file.endsWith('kustomization.yaml')).flatMap((file) =>
  documentsOf<Manifest>(file),
);
const KINDS: Record<string, string> = {
  Namespace: 'v1',
  ConfigMap: 'v1',
  Service: 'v1',
  Deployment: 'apps/v1',
  Job: 'batch/v1',
  PodDisruptionBudget: 'policy/v1',
  HorizontalPodAutoscaler: 'autoscaling/v2',
  NetworkPolicy: 'networking.k8s.io/v1',
  ServiceMonitor: 'monitoring.coreos.com/v1',
};

function ofKind(kind: string): Manifest[] {
  return manifests.filter((manifest) => manifest.kind === kind);
}

/** Whatever makes pods. */
const workloads = [...ofKind('Deployment'), ...ofKind('Job')].map(
  ({ kind, metadata, spec }) => [metadata.name, kind, metadata.namespace!, spec.template as Pod] as const,
);

function matches(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** The pods a selector finds in its namespace. */
function podsOf(namespace: string | undefined, selector: Labels): Pod[] {
  return workloads
    .filter(([, , at, { metadata }]) => at === namespace && matches(selector, metadata.labels))
    .map(([, , , pod]) => pod);
}

/** What a container finds as its environment, with databases as README.md names them. */
function environmentOf(namespace: string, { envFrom, env }: Container): Labels {
  const settings = envFrom.map(
    ({ configMapRef }) =>
      ofKind('ConfigMap').find(
        ({ metadata }) => metadata.name === configMapRef.name && metadata.namespace === namespace,
      )!.data!,
  );
  const secrets = env.map(({ name, valueFrom }) => {
    const { key } = valueFrom.secretKeyRef;
    return [name, `postgres://sluice:secret@${key}.example.com/${key}?sslmode=verify-full`];
  });
  return Object.assign(imageEnvironment(), ...settings, Object.fromEntries(secrets));
}

test('every kind is one of those we mean, in the version that serves it', () => {
  expect(manifests.filter(({ kind, apiVersion }) => KINDS[kind] !== apiVersion)).toEqual([]);
  expect(Object.keys(KINDS).filter((kind) => ofKind(kind).length === 0)).toEqual([]);
});

test('the kustomization takes every manifest but those that are applied by themselves', () => {
  const [{ resources }] = documentsOf<{ resources: string[] }>('deploy/kubernetes/kustomization.yaml') as [
    { resources: string[] },
  ];
  const apart = ['kustomization.yaml', 'migrate.yaml', 'service-monitor.yaml'];
  const all = FILES.map((file) => file.split('/').at(-1)!);
  expect([...resources, ...apart].sort()).toEqual(all.sort());
});

test('names are said once, in namespaces that there are', () => {
  const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`);
  expect(new Set(names).size).toBe(names.length);
  const namespaces = new Set(ofKind('Namespace').map(({ metadata }) => metadata.name));
  const used = manifests.flatMap(({ kind, metadata }) => (kind === 'Namespace' ? [] : [metadata.namespace!]));
  expect(used.filter((name) => !namespaces.has(name))).toEqual([]);
});

test('every selector finds pods, and every named port is one of theirs', () => {
  for (const { kind, metadata, spec } of manifests) {
    const selector: Labels | undefined =
      kind === 'Service'
        ? spec.selector
        : kind === 'NetworkPolicy'
          ? spec.podSelector.matchLabels
          : spec?.selector?.matchLabels;
    if (selector === undefined || kind === 'ServiceMonitor') continue;
    const pods = podsOf(metadata.namespace, selector);
    expect(pods.length, `${kind} ${metadata.name}`).toBe(1);
    const ports = pods[0]!.spec.containers
      .flatMap((container) => container.ports ?? [])
      .map(({ name }) => name);
    const named =
      kind === 'Service'
        ? spec.ports.map(({ targetPort }: { targetPort: string }) => targetPort)
        : (spec.ingress ?? []).flatMap((rule: { ports: { port: string }[] }) =>
            rule.ports.map(({ port }) => port),
          );
    expect(ports, `${kind} ${metadata.name}`).toEqual(expect.arrayContaining(named));
  }
  for (const { spec } of ofKind('HorizontalPodAutoscaler'))
    expect(ofKind('Deployment').map(({ metadata }) => metadata.name)).toContain(spec.scaleTargetRef.name);
});

describe.each(workloads)('%s', (_, kind, namespace, { spec }) => {
  const [container] = spec.containers as [Container];

  test('is as restricted as can be', () => {
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(Object.keys(container.resources.limits)).toEqual(['memory']);
    expect(container.image).toMatch(/^[\w./-]+:\d+\.\d+\.\d+$/);
  });

  test('is told nothing by Kubernetes that Sluice would take for a setting', () => {
    expect(spec.enableServiceLinks).toBe(false);
  });

  test('mounts what it has, read-only but for /tmp', () => {
    expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual(
      spec.volumes.map(({ name }) => name).sort(),
    );
    expect(
      container.volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath),
    ).toEqual(['/tmp']);
  });

  test('starts with its settings in live mode', () => {
    const env = environmentOf(namespace, container);
    const read = kind === 'Job' ? readStartOptions(env) : readOptions(env);
    expect(read.ok ? [] : read.errors).toEqual([]);
    expect(read.ok && [read.options.mode, read.options.serviceTls]).toEqual(['live', 'required']);
  });

  test('reads every file its settings name from a secret it mounts', () => {
    if (kind === 'Job') return;
    const files = Object.entries(environmentOf(namespace, container)).filter(([name]) => /_FILE$/.test(name));
    const mounted = container.volumeMounts.map(({ mountPath }) => mountPath);
    expect(files.filter(([, file]) => !mounted.some((path) => file.startsWith(`${path}/`)))).toEqual([]);
  });

  test('is probed at its ops port: alive by /healthz, sent to by /readyz', () => {
    if (kind === 'Job') return;
    const get = (path: string) => ({ path, port: 'ops', scheme: 'HTTPS' });
    expect(container.startupProbe?.httpGet).toEqual(get('/healthz'));
    expect(container.livenessProbe?.httpGet).toEqual(get('/healthz'));
    expect(container.readinessProbe?.httpGet).toEqual(get('/readyz'));
    const { ports } = optionsOf(namespace, container);
    expect(
      Object.fromEntries(container.ports!.map(({ name, containerPort }) => [name, containerPort])),
    ).toEqual(
      namespace === 'sluice'
        ? { api: ports.api, ops: ports.ops }
        : { checkout: ports.checkout, ops: ports.ops },
    );
  });

  test('is out of the balancer before it stops listening, and gone before it is killed', () => {
    if (kind === 'Job') return;
    const { periodSeconds, failureThreshold } = container.readinessProbe!;
    const { drainDelaySeconds } = optionsOf(namespace, container);
    expect(periodSeconds * failureThreshold).toBeLessThan(drainDelaySeconds);
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(15);
  });
});

function optionsOf(namespace: string, container: Container) {
  const read = readOptions(environmentOf(namespace, container));
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.options;
}

describe('the PCI zone is alone with the vault', () => {
  const outside = workloads.filter(([, , namespace]) => namespace !== 'sluice-pci');

  test('pods outside it hold no vault secret and do not take the checkout role', () => {
    for (const [name, , namespace, { spec }] of outside) {
      expect(JSON.stringify(spec), name).not.toMatch(/vault/i);
      const { databases, roles } = optionsOf(namespace, spec.containers[0]!);
      expect([databases.vault, roles.includes('checkout')], name).toEqual([undefined, false]);
    }
    expect(outside).toHaveLength(1);
  });

  test('nothing is allowed in either namespace but what a policy names', () => {
    for (const { metadata } of ofKind('Namespace')) {
      const policies = ofKind('NetworkPolicy').filter(
        ({ metadata: { namespace } }) => namespace === metadata.name,
      );
      const all = policies.find(({ spec }) => Object.keys(spec.podSelector).length === 0);
      expect(all?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    }
  });

  test('only its pods may reach the vault’s address, also not by the way to the internet', () => {
    const vault = '198.51.100.0/28';
    const range = '198.51.100.0/24';
    for (const { metadata, spec } of ofKind('NetworkPolicy')) {
      const blocks: { cidr: string; except?: string[] }[] = (spec.egress ?? []).flatMap(
        (rule: { to: { ipBlock?: object }[] }) => rule.to.flatMap(({ ipBlock }) => ipBlock ?? []),
      );
      const reaches = blocks.some(({ cidr }) => cidr === vault);
      expect(reaches, metadata.name).toBe(
        metadata.namespace === 'sluice-pci' && metadata.name !== 'nothing-by-default',
      );
      for (const { cidr, except } of blocks) if (cidr === '0.0.0.0/0') expect(except).toContain(range);
    }
  });
});

test('one image, and one set of settings but for roles, the vault, the way into Kafka and when reports are fetched', () => {
  const images = workloads.map(([, , , { spec }]) => spec.containers[0]!.image);
  expect(new Set(images).size).toBe(1);
  const told = ofKind('ConfigMap').map(({ data }) => {
    const apart = [
      'SLUICE_ROLES',
      'SLUICE_PKCS11_PIN_FILE',
      'SLUICE_KAFKA_USERNAME',
      'SLUICE_KAFKA_PASSWORD_FILE',
      'SLUICE_RECONCILE_AT',
    ];
    return Object.entries(data!)
      .filter(([name]) => !apart.includes(name))
      .sort();
  });
  expect(told[0]).toEqual(told[1]);
});

test('the PCI zone knows that there is a Kafka, and has no way to it', () => {
  for (const [name, , namespace, { spec }] of workloads) {
    const inZone = namespace === 'sluice-pci';
    const { SLUICE_KAFKA_BROKERS: brokers, SLUICE_KAFKA_PASSWORD_FILE: passwordFile } = environmentOf(
      namespace,
      spec.containers[0]!,
    );
    expect(brokers, name).toBeDefined();
    expect(passwordFile === undefined, name).toBe(inZone);
    expect(
      spec.volumes.some(({ secret }) => secret?.secretName === 'sluice-kafka'),
      name,
    ).toBe(!inZone);
    const policy = ofKind('NetworkPolicy').find(
      ({ metadata, spec: { podSelector } }) =>
        metadata.namespace === namespace &&
        podSelector.matchLabels !== undefined &&
        podsOf(namespace, podSelector.matchLabels)[0]?.spec === spec,
    )!;
    const ports = policy.spec.egress.flatMap((rule: { ports?: { port: number }[] }) =>
      (rule.ports ?? []).map(({ port }) => port),
    );
    expect(ports.includes(9093), name).toBe(!inZone);
  }
});

test('README.md names every secret that is mounted or read', () => {
  const named = workloads.flatMap(([, , , { spec }]) => [
    ...spec.volumes.flatMap(({ secret }) => secret?.secretName ?? []),
    ...spec.containers.flatMap(({ env }) => env.map(({ valueFrom }) => valueFrom.secretKeyRef.name)),
  ]);
  const readme = textOf('deploy/kubernetes/README.md');
  expect([...new Set(named)].filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});
