// What a plugin says of itself: out of package.json, into a custom section of the component.

const SECTION = 'tidegate:manifest';

/** The contract that this SDK is written for: wit/since-v0.1. */
const CONTRACT = '0.1.0';

/** The manifest that package.json, and what was found in the module, come to. */
export function manifest(pack, { role, configSchema }, revision) {
  // A scope is the registry's business: `@team/scale` is the plugin `scale`.
  const name = String(pack.name ?? '').replace(/^@[^/]*\//, '');
  if (!/^[a-z0-9_-]{1,64}$/.test(name)) {
    throw new Error(`package.json: \`name\` is \`${name}\`; a plugin's name has small letters, digits, - and _, 64 at most`);
  }
  if (!/^\d+\.\d+\.\d+/.test(pack.version ?? '')) throw new Error('package.json: `version` must be one of semver, such as 0.1.0');
  const roles = pack.tidegate?.roles ?? [role];
  if (roles.length !== 1 || roles[0] !== role) {
    throw new Error(`package.json: \`tidegate.roles\` is ${JSON.stringify(roles)}, and the module exports a ${role}`);
  }
  const repository = typeof pack.repository === 'object' ? pack.repository.url : pack.repository;
  return {
    name,
    version: pack.version,
    description: pack.description ?? '',
    license: pack.license ?? '',
    authors: [pack.author, ...(pack.contributors ?? [])].filter(Boolean).map(person),
    roles,
    contract: CONTRACT,
    ...(repository ? { repository } : {}),
    ...(revision ? { revision } : {}),
    ...(pack.tidegate?.wishes ? { wishes: pack.tidegate.wishes } : {}),
    config_schema: configSchema,
  };
}

const person = (one) => (typeof one === 'string' ? one : one.email ? `${one.name} <${one.email}>` : one.name);

/** The component with a manifest behind its other sections. */
export function withManifest(component, given) {
  const name = Buffer.from(SECTION);
  const content = Buffer.concat([leb128(name.length), name, Buffer.from(JSON.stringify(given))]);
  return Buffer.concat([component, Buffer.from([0]), leb128(content.length), content]);
}

/** An unsigned number of 32 bits as WebAssembly writes it. */
export function leb128(number) {
  const bytes = [];
  for (let rest = number; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
