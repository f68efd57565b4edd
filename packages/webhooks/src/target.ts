import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { ServiceError } from '@musicgen/contract';
import ipaddr from 'ipaddr.js';

export interface TargetRules {
  /** Whether plain http is accepted anywhere. */
  allowHttp: boolean;
  /** Networks that may be reached although they are not public, as CIDR: `10.1.0.0/16`. */
  allowedNetworks: readonly string[];
}

/** Decides where webhooks may go. */
export interface TargetPolicy {
  /** What is wrong with an address as it is written, as the end of a sentence that begins with it; without looking it up. */
  problemOf(url: string): string | undefined;
  /**
   * Looks a name up and gives only the addresses that may be reached, to connect to exactly these: a name that answers
   * differently a moment later changes nothing. Fails with ServiceError `forbidden` when none is left.
   */
  lookup: LookupFunction;
}

/** Ports under 1024 that serve HTTP; the rest there are mail, files and databases that an HTTP request may confuse. */
const webPorts = new Set(['', '80', '443']);

/** Public by its number, but the metadata and control service of a cloud (Azure's wire server). */
const deniedAddresses = [ipaddr.parseCIDR('168.63.129.16/32')];

/** Of IPv6 only what is global unicast by allocation; whatever the tables of ranges do not know is refused. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');

type Address = ReturnType<typeof ipaddr.process>;
type Network = ReturnType<typeof ipaddr.parseCIDR>;

/** @throws RangeError for a network that is none. */
export function createTargetPolicy({ allowHttp, allowedNetworks }: TargetRules): TargetPolicy {
  const allowed = allowedNetworks.map(parseNetwork);

  function isAllowed(text: string): boolean {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return isWithin(address, allowed) || isPublic(address);
  }

  return {
    problemOf(text) {
      const { protocol, port, hostname } = new URL(text);
      const literal = hostname.replace(/^\[|\]$/g, '');
      const address = ipaddr.isValid(literal) ? ipaddr.process(literal) : undefined;
      if (address && isWithin(address, allowed)) return undefined;
      if (address && !isPublic(address)) return 'must not be an address of a private network';
      if (protocol !== 'https:' && !allowHttp) return 'must be an https URL';
      return problemOfPort(port);
    },

    lookup(hostname, options, callback) {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, []);
        const reachable = addresses.filter(({ address }) => isAllowed(address));
        const [first] = reachable;
        if (first === undefined)
          return callback(new ServiceError('forbidden', 'it lies in a private network'), []);
        if (options.all) callback(null, reachable);
        else callback(null, first.address, first.family);
      });
    },
  };
}

function parseNetwork(text: string): Network {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  throw new RangeError(`"${text}" is no network; write it as 10.1.0.0/16 or fd00::/8`);
}

function isWithin(address: Address, networks: readonly Network[]): boolean {
  return networks.some(
    ([network, bits]) => address.kind() === network.kind() && address.match(network, bits),
  );
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast' || isWithin(address, deniedAddresses)) return false;
  return address.kind() === 'ipv4' || isWithin(address, [globalUnicast]);
}

function problemOfPort(port: string): string | undefined {
  const isFit = webPorts.has(port) || Number(port) >= 1024;
  return isFit ? undefined : 'must have port 443, 80 or one from 1024 on';
}
