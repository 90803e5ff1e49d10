/**
 * Options: everything an operator can set, as one nested record with a sentence and a default for each.
 *
 * Only the entry points read the environment (`from-env.ts`); every room is handed its slice of this record.
 * Texts that hold a password or key (`databases`, `redisUrls`, `adminKey`) are never logged.
 *
 * @module
 */

import type { ProcessorName } from '../domain/processor-word.ts';

/** `test` takes test keys and the sandbox bank; `live` takes live keys and refuses every development stand-in. */
export type Mode = 'test' | 'live';

/** What a process runs; the PCI zone (`checkout`) can have hosts of its own. */
export type Role = 'api' | 'checkout' | 'callbacks' | 'background';

/** Connection strings of the service roles. */
export interface Databases {
  /** Merchants, keys, preferences, shard map. `SLUICE_CONTROL_DATABASE_URL`. */
  readonly control: string;
  /** Sealed cards; undefined where the checkout role does not run. `SLUICE_VAULT_DATABASE_URL`. */
  readonly vault: string | undefined;
  /** Payments, in the order of the shard numbers 1..N. `SLUICE_SHARD_DATABASE_URLS`, comma separated. */
  readonly shards: readonly string[];
}

/** How the listeners are protected. */
export type Tls =
  /** Plain HTTP on loopback. Default. */
  | { readonly kind: 'none' }
  /** A proxy in front ends TLS. `SLUICE_TLS=terminated`. */
  | { readonly kind: 'terminated' }
  /** We end TLS ourselves. `SLUICE_TLS_CERT_FILE`, `SLUICE_TLS_KEY_FILE`. */
  | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string };

/** A token of the HSM and the file with its PIN. */
export interface HsmToken {
  readonly tokenLabel: string;
  /** Path of a 0600 file; the software stand-in keeps its keys beside it. Undefined for the vault where checkout does not run. */
  readonly pinFile: string | undefined;
}

/** Where sessions and shared rate limits are. */
export interface RedisOptions {
  /** Several mean a cluster. `SLUICE_REDIS_URL`, comma separated, `rediss://` for TLS. Default: none, sessions are in PostgreSQL. */
  readonly urls: readonly string[];
  /** PEM file of who signs the servers' certificates. `SLUICE_REDIS_CA_FILE`. Default: the system's. */
  readonly caFile: string | undefined;
}

/** The bus between gateways and whoever else listens. */
export interface KafkaOptions {
  /** `host:port`, comma separated. `SLUICE_KAFKA_BROKERS`. Default: none, the bus is in PostgreSQL. */
  readonly brokers: readonly string[];
  /** Of a topic we make; one that is there keeps its own. `SLUICE_KAFKA_PARTITIONS`. Default: 24. */
  readonly partitions: number;
  /** Copies of a topic we make. `SLUICE_KAFKA_REPLICATION`. Default: as many as brokers are named, at most 3. */
  readonly replication: number;
  /** Before the names of topics and of the consumer group, where installations share brokers. `SLUICE_KAFKA_PREFIX`. Default: none. */
  readonly prefix: string;
  /** `SLUICE_KAFKA_TLS`. Default: off. */
  readonly tls: boolean;
  /** PEM file of who signs the brokers' certificates. `SLUICE_KAFKA_CA_FILE`. Default: the system's. */
  readonly caFile: string | undefined;
  /** Of SASL SCRAM-SHA-512. `SLUICE_KAFKA_USERNAME`, `SLUICE_KAFKA_PASSWORD_FILE`. Default: none. */
  readonly sasl: { readonly username: string; readonly passwordFile: string } | undefined;
}

/** At most `count` in each window of `perSeconds`. */
export interface RateLimit {
  readonly count: number;
  readonly perSeconds: number;
}

/** What `SLUICE_RATE_LIMITS` can name. */
export type RateLimitName = 'merchant' | 'session' | 'card' | 'ip';

/** Options of the parent process (`sluice start`); what the embedded profile provides may still be missing. */
export interface StartOptions {
  /** `SLUICE_MODE`. Default: test. */
  readonly mode: Mode;
  /** Address to listen on. Beyond loopback only with TLS. `SLUICE_HOST`. Default: 127.0.0.1. */
  readonly host: string;
  /** 0 asks the system for a free port. `SLUICE_{API,CHECKOUT,OPS,SANDBOX,SANDBOX_B}_PORT`. Default: 8080, 8081, 9464, 9400, a free one. */
  readonly ports: {
    readonly api: number;
    readonly checkout: number;
    readonly ops: number;
    readonly sandbox: number;
    readonly sandboxB: number;
  };
  /** Absolute folder of the embedded profile. `SLUICE_DATA_DIR`. Default: ./data. */
  readonly dataDir: string;
  readonly embedded: {
    /** True when this run brings its own PostgreSQL. `SLUICE_EMBEDDED`, set by the parent. Default: no database is named. */
    readonly enabled: boolean;
    /** Shard databases made in a new embedded cluster. `SLUICE_EMBEDDED_SHARDS`. Default: 2. */
    readonly shards: number;
  };
  readonly sandbox: {
    /** Run the two banks in a box. `SLUICE_SANDBOX`. Default: on in the embedded profile in test mode, else off. */
    readonly enabled: boolean;
  };
  /** How a shopper's browser reaches checkout. `SLUICE_PUBLIC_CHECKOUT_URL`. Default: the checkout listener itself. */
  readonly publicCheckoutUrl: string;
  /** Default: undefined, the embedded profile. */
  readonly databases: Databases | undefined;
  readonly redis: RedisOptions;
  readonly kafka: KafkaOptions;
  readonly hsm: {
    /** Path of the PKCS#11 library, or `software` (test mode only). `SLUICE_PKCS11_MODULE`. Default: SoftHSM where found. */
    readonly module: string | undefined;
    /** Worker threads with a PKCS#11 session each. `SLUICE_HSM_THREADS`. Default: 1; SoftHSM gets slower with two. */
    readonly threads: number;
    /** Cards. `SLUICE_PKCS11_TOKEN_LABEL` (default: vault), `SLUICE_PKCS11_PIN_FILE`. */
    readonly vault: HsmToken;
    /** Merchant and processor secrets. `SLUICE_CONFIG_TOKEN_LABEL` (default: config), `SLUICE_CONFIG_PIN_FILE`. */
    readonly config: HsmToken;
  };
  /** `SLUICE_TLS`, `SLUICE_TLS_CERT_FILE`, `SLUICE_TLS_KEY_FILE`. */
  readonly tls: Tls;
  /**
   * What connections to databases, Redis and Kafka beyond loopback must be. `required`: a start with one that is not TLS with its
   * server's name checked is refused. `SLUICE_SERVICE_TLS`. Default: required in live mode, else optional.
   */
  readonly serviceTls: 'required' | 'optional';
  /** Addresses or CIDR ranges whose X-Forwarded-For is believed. `SLUICE_TRUSTED_PROXIES`. Default: none. */
  readonly trustedProxies: readonly string[];
  /** `SLUICE_ROLES`, comma separated. Default: all four. */
  readonly roles: readonly Role[];
  /**
   * Between SIGTERM and the closing of the listeners: `/readyz` says 503 and requests are served, so that a balancer looks
   * elsewhere first. It is part of the time a stop may take; a second SIGTERM ends it. `SLUICE_DRAIN_DELAY_SECONDS`, 0 to 5. Default: 0.
   */
  readonly drainDelaySeconds: number;
  readonly threads: {
    /** 0: the api thread runs the actors itself. `SLUICE_SHARD_THREADS`. Default: 0 on two cores or fewer, else half the cores, at most 8. */
    readonly shards: number;
  };
  readonly session: {
    /** Life of a checkout session. `SLUICE_SESSION_TTL_SECONDS`. Default: 600. */
    readonly ttlSeconds: number;
    /** How long after its end a form already open is still taken. `SLUICE_SESSION_GRACE_SECONDS`. Default: 60. */
    readonly graceSeconds: number;
  };
  readonly payment: {
    /** A charge not sent this long after commit B is never sent. `SLUICE_SEND_BEFORE_SECONDS`. Default: 30. */
    readonly sendBeforeSeconds: number;
    /** "Not found" at the processor is proof only this long after send_before. `SLUICE_NOT_FOUND_PROOF_SECONDS`. Default: 120. */
    readonly notFoundProofSeconds: number;
    /**
     * A failure that its processor may still turn into a success is asked about for so long after its transaction began, then it
     * counts. `SLUICE_AMBIGUOUS_FAILURE_SECONDS`. Default: 900, more than the 12 minutes in which Razorpay captures a late authorisation.
     */
    readonly ambiguousFailureSeconds: number;
    /** For name, TCP and TLS of a connection to a processor; longer is proof that nothing was sent. `SLUICE_PROCESSOR_CONNECT_TIMEOUT_MS`. Default: 2000. */
    readonly processorConnectTimeoutMs: number;
    /** Charges under way to one account at a processor; one more is not sent. `SLUICE_PROCESSOR_IN_FLIGHT_MAX`. Default: 2048. */
    readonly processorInFlightMax: number;
    /** A processor's silence of this length is an unknown outcome. `SLUICE_PROCESSOR_TIMEOUT_MS`. Default: 10000. */
    readonly processorTimeoutMs: number;
  };
  /**
   * Days after which payments, their events and callbacks are dropped, a day's partition at a time; a day with an open payment or an
   * unmatched callback is kept. The embedded profile does it at start and daily, `sluice migrate` at each run.
   * `SLUICE_RETENTION_DAYS`, 7 or more. Default: 400.
   */
  readonly retentionDays: number;
  readonly reconcile: {
    /**
     * When, each day, the reports of the day before are fetched from the processors, in minutes after midnight UTC; undefined: never.
     * `SLUICE_RECONCILE_AT`, `HH:MM` or `off`. Default: off.
     */
    readonly atMinutes: number | undefined;
    /** Days in which a processor should have settled a payment; later it is missing there. `SLUICE_SETTLEMENT_DEADLINE_DAYS`, 1 to 30. Default: 3. */
    readonly deadlineDays: number;
  };
  /** Key of the admin API on the ops port; without it there is no such API. `SLUICE_ADMIN_KEY`. Default: none. */
  readonly adminKey: string | undefined;
  /** Deliver webhooks to non-global addresses. `SLUICE_ALLOW_PRIVATE_WEBHOOKS`. Default: on while the embedded sandbox runs. */
  readonly allowPrivateWebhooks: boolean;
  /** `SLUICE_RATE_LIMITS`, `name=count[/seconds]` comma separated, a second when left out. Default: the program's own. */
  readonly rateLimits: Readonly<Partial<Record<RateLimitName, RateLimit>>>;
  /**
   * Origins without a slash at the end. `SLUICE_SANDBOX_URL`, `SLUICE_SANDBOX_B_URL`, `SLUICE_{RAZORPAY,PAYU,STRIPE}_BASE_URL`. Default:
   * the sandboxes on their ports; of the others the first sandbox, where this run has one, else the processors' own of this mode.
   */
  readonly processors: Readonly<Record<ProcessorName, { readonly baseUrl: string }>>;
  /** Where PayU is asked, when that is not where it is paid. `SLUICE_PAYU_INFO_URL`. Default: PayU's own beside its own, else its base URL. */
  readonly payuInfoUrl: string;
  readonly stripe: {
    /** The version of its API every request names. `SLUICE_STRIPE_VERSION`. Default: 2026-07-29.dahlia. */
    readonly version: string;
    /** An intent that has waited for its shopper this long is cancelled when it is asked about. `SLUICE_STRIPE_ABANDONED_SECONDS`, 60 or more. Default: 1800. */
    readonly abandonedSeconds: number;
  };
  /** Places where a test lets the program fail; refused in live mode. `SLUICE_FAULT_POINTS`, comma separated. Default: none. */
  readonly faultPoints: readonly string[];
}

/** Options of a gateway process (`src/main.ts`): databases and HSM are named, by an operator or by the parent. */
export interface Options extends StartOptions {
  readonly databases: Databases;
  readonly hsm: StartOptions['hsm'] & { readonly module: string };
}

/** One setting that was refused, and why. Never carries the refused value of a secret. */
export interface SettingError {
  readonly setting: string;
  readonly detail: string;
}
