/**
 * The services of our proto files with the types of their calls (`proto/`): how each call is
 * encoded, and the handlers that a server needs for them.
 * @module
 */
import type { Buffer } from "node:buffer";
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  Server,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import {
  DAEMON_API,
  IKE_API,
  loadProto,
  loadService,
  type ProtoFile,
  TEST_API,
} from "@/api/definitions.ts";
import type { AnyCall, CallOf } from "@/api/call_types.ts";
import type { MyIKEv2APISvc } from "@/api/proto/api.ts";
import type { MyIKEv2DaemonAPISvc } from "@/api/proto/daemonapi.ts";
import type { MyIKEv2IKESvc } from "@/api/proto/ikeapi.ts";
import { must } from "@/base/errors.ts";

/** A service of a proto file; `S` has the type of each call by name. */
export interface ApiService<S> {
  readonly file: ProtoFile;
  readonly name: string;
  /** Never set: the field exists only so that the compiler knows the types of the calls. */
  readonly calls?: S;
}

/** The Test API. */
export const TEST_SERVICE: ApiService<MyIKEv2APISvc> = { file: TEST_API, name: "MyIKEv2APISvc" };

/** The service for the IKE SAs of a running test. */
export const IKE_SERVICE: ApiService<MyIKEv2IKESvc> = { file: IKE_API, name: "MyIKEv2IKESvc" };

/** The Daemon API. */
export const DAEMON_SERVICE: ApiService<MyIKEv2DaemonAPISvc> = {
  file: DAEMON_API,
  name: "MyIKEv2DaemonAPISvc",
};

/** The full name of a service in gRPC, with its package. */
export function fullName<S>({ file, name }: ApiService<S>): string {
  return `${file.package}.${name}`;
}

/** The handlers of all calls of a service. */
export type Handlers<S> = {
  readonly [M in keyof S]: S[M] extends { readonly kind: "unary" }
    ? handleUnaryCall<CallOf<S, M>["requestRead"], CallOf<S, M>["answer"]>
    : handleServerStreamingCall<CallOf<S, M>["requestRead"], CallOf<S, M>["answer"]>;
};

/** Adds a service to a server. */
export function addService<S>(server: Server, service: ApiService<S>, handlers: Handlers<S>): void {
  const definition = loadService(service.file, service.name);
  server.addService(definition, handlers as unknown as UntypedServiceImplementation);
}

/** The path of a call, and how its messages are encoded and decoded. */
export interface CallDefinition<C extends AnyCall> {
  readonly path: string;
  requestSerialize(request: C["request"]): Buffer;
  requestDeserialize(octets: Buffer): C["requestRead"];
  responseSerialize(answer: C["answer"]): Buffer;
  responseDeserialize(octets: Buffer): C["answerRead"];
}

/** The definition of one call. */
export function definitionOf<S, M extends keyof S & string>(
  service: ApiService<S>,
  method: M,
): CallDefinition<CallOf<S, M>> {
  const name = fullName(service);
  const known = loaded.get(name) ?? loadProto(service.file)[name] as ServiceDefinition | undefined;
  must(known !== undefined, `${service.file.path} has the service ${service.name}`);
  loaded.set(name, known);
  const definition = known[method];
  must(definition !== undefined, `${name} has the call ${method}`);
  return definition as unknown as CallDefinition<CallOf<S, M>>;
}

/** The services that are already loaded, by full name. */
const loaded = new Map<string, ServiceDefinition>();
