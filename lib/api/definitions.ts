/**
 * Loads our proto files for the gRPC library: as services to serve or to call, and as file
 * descriptors for reflection. The files are read from `proto/` beside `lib/`, also within the
 * executable.
 * @module
 */
import type { ServiceDefinition } from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { must } from "@/base/errors.ts";
import { concat } from "@/base/bytes.ts";

/** A proto file: its path below `proto/`, its package, and the files that it imports. */
export interface ProtoFile {
  readonly path: string;
  readonly package: string;
  readonly imports: readonly string[];
}

const TIMESTAMP = "google/protobuf/timestamp.proto";
const DURATION = "google/protobuf/duration.proto";

/** The Test API. */
export const TEST_API: ProtoFile = {
  path: "myikev2/api/api.proto",
  package: "api",
  imports: [TIMESTAMP, DURATION],
};

/** The service for IKE SAs, which stands beside the Test API. */
export const IKE_API: ProtoFile = {
  path: "myikev2/api/ike.proto",
  package: "ikeapi",
  imports: [],
};

/** The Daemon API. */
export const DAEMON_API: ProtoFile = {
  path: "myikev2/daemonapi/daemonapi.proto",
  package: "daemonapi",
  imports: [TEST_API.path],
};

/** The health service of gRPC. */
export const HEALTH: ProtoFile = {
  path: "grpc/health/v1/health.proto",
  package: "grpc.health.v1",
  imports: [],
};

const WELL_KNOWN: readonly ProtoFile[] = [TIMESTAMP, DURATION].map((path) => ({
  path,
  package: "google.protobuf",
  imports: [],
}));

/**
 * 64-bit numbers are read as decimal text, which is exact. Fields that the sender left out have
 * their default value.
 */
const OPTIONS: protoLoader.Options = {
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
  includeDirs: [`${import.meta.dirname}/../../proto`],
};

/** All messages and services of a proto file and of those it imports, by full name. */
export function loadProto(file: ProtoFile): protoLoader.PackageDefinition {
  // The loader contains the files of google.protobuf, and prints a warning if it is given a
  // directory for them.
  return protoLoader.loadSync(file.path, WELL_KNOWN.includes(file) ? {} : OPTIONS);
}

/**
 * Loads one service for a server. A request that cannot be decoded reaches the handler as
 * {@linkcode Malformed}; the library itself would answer it with INTERNAL.
 */
export function loadService(file: ProtoFile, name: string): ServiceDefinition {
  const service = loadProto(file)[`${file.package}.${name}`] as ServiceDefinition | undefined;
  must(service !== undefined, `${file.path} has the service ${name}`);
  const guarded: Record<string, ServiceDefinition[string]> = {};
  for (const [method, definition] of Object.entries(service)) {
    const requestDeserialize = (octets: Uint8Array) => {
      try {
        return definition.requestDeserialize(
          octets as Parameters<
            typeof definition.requestDeserialize
          >[0],
        );
      } catch (error) {
        return new Malformed(error instanceof Error ? error.message : String(error));
      }
    };
    guarded[method] = { ...definition, requestDeserialize };
  }
  return guarded;
}

/** What a handler gets in place of a request that could not be decoded. */
export class Malformed {
  /** `why` is the decoder's error message. */
  constructor(readonly why: string) {}
}

/**
 * Serialized FileDescriptorProtos of proto files and of all files that they import, for the
 * reflection service.
 *
 * The loader makes one descriptor of each package, without file name and imports, which strict
 * clients of reflection refuse. In protobuf a later value of a field replaces an earlier one, and
 * later items of a list are appended. The file name and the imports are therefore appended to the
 * descriptor.
 */
export function fileDescriptors(files: readonly ProtoFile[]): Uint8Array[] {
  return [...WELL_KNOWN, ...files].map((file) => {
    const definitions = Object.entries(loadProto(file));
    const own = definitions.filter(([name]) => name.startsWith(`${file.package}.`));
    const described = own.map(([, d]) => d).find(isDescribed);
    const octets = described?.fileDescriptorProtos.find((d) => packageOf(d) === file.package);
    must(octets !== undefined, `${file.path} describes the package ${file.package}`);
    const imports = file.imports.map((path) => stringField(FILE_DEPENDENCY, path));
    return concat(octets, stringField(FILE_NAME, file.path), ...imports);
  });
}

// Field numbers of FileDescriptorProto (descriptor.proto of protobuf).
const FILE_NAME = 1;
const FILE_PACKAGE = 2;
const FILE_DEPENDENCY = 3;

function isDescribed(
  definition: protoLoader.AnyDefinition,
): definition is protoLoader.MessageTypeDefinition<object, object> {
  return Array.isArray(definition.fileDescriptorProtos);
}

/** The package of a descriptor that begins with its name and its package. */
function packageOf(descriptor: Uint8Array): string | undefined {
  const at = 2 + descriptor[1]!;
  if (descriptor[at] !== (FILE_PACKAGE << 3 | 2)) return undefined;
  return new TextDecoder().decode(descriptor.subarray(at + 2, at + 2 + descriptor[at + 1]!));
}

/** A length-delimited field of at most 127 octets. */
function stringField(number: number, text: string): Uint8Array {
  const octets = new TextEncoder().encode(text);
  must(octets.length < 128, "a short name takes one octet of length");
  return concat(Uint8Array.of(number << 3 | 2, octets.length), octets);
}
