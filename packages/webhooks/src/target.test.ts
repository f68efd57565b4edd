import type { LookupAddress } from 'node:dns';
import { createTargetPolicy } from './target.ts';

const strict = createTargetPolicy({ allowHttp: false, allowedNetworks: [] });

test.each([
  'https://127.0.0.1/',
  'https://2130706433/',
  'https://0x7f.1/',
  'https://127.1/',
  'https://0.0.0.0/',
  'https://10.0.0.1/',
  'https://172.16.0.1/',
  'https://192.168.1.1/',
  'https://169.254.169.254/latest/meta-data',
  'https://100.64.0.1/',
  'https://100.100.100.200/',
  'https://168.63.129.16/',
  'https://192.0.0.192/',
  'https://198.18.0.1/',
  'https://224.0.0.1/',
  'https://240.0.0.1/',
  'https://255.255.255.255/',
  'https://[::]/',
  'https://[::1]/',
  'https://[::127.0.0.1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:a00:1]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[64:ff9b:1::a00:1]/',
  'https://[2002:7f00:1::]/',
  'https://[2001:0:1::]/',
  'https://[fe80::1]/',
  'https://[fc00::1]/',
  'https://[fd00:ec2::254]/',
  'https://[fec0::1]/',
  'https://[ff02::1]/',
  'https://[2001:db8::1]/',
  'https://[5f00::1]/',
])('%s is refused as it is written', (url) => {
  expect(strict.problemOf(url)).toBe('must not be an address of a private network');
});

test.each([
  ['https://example.org/hook', undefined],
  ['https://example.org:8443/hook', undefined],
  ['https://1.1.1.1/', undefined],
  ['https://[2606:4700::1111]/', undefined],
  ['http://example.org/', 'must be an https URL'],
  ['https://example.org:25/', 'must have port 443, 80 or one from 1024 on'],
])('of %s is said: %s', (url, problem) => {
  expect(strict.problemOf(url)).toBe(problem);
});

test('what the operator allows is reached, and nothing beside it', () => {
  const policy = createTargetPolicy({ allowHttp: true, allowedNetworks: ['10.1.0.0/16', 'fd00::/8'] });
  expect(policy.problemOf('http://10.1.2.3:80/')).toBeUndefined();
  expect(policy.problemOf('http://[fd00::1]/')).toBeUndefined();
  expect(policy.problemOf('http://[::ffff:10.1.2.3]/')).toBeUndefined();
  expect(policy.problemOf('http://example.org/')).toBeUndefined();
  expect(policy.problemOf('http://10.2.0.1/')).toContain('private');
  expect(() => createTargetPolicy({ allowHttp: true, allowedNetworks: ['ten'] })).toThrow(
    '"ten" is no network',
  );
});

/** The addresses that a name gives. */
function look({ lookup }: typeof strict, name: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(name, { all: true }, (error, addresses) => {
      if (error) reject(error);
      else resolve(addresses as LookupAddress[]);
    });
  });
}

test('a name is only worth the addresses it gives', async () => {
  await expect(look(strict, 'localhost')).rejects.toMatchObject({ code: 'forbidden' });
  const local = createTargetPolicy({ allowHttp: false, allowedNetworks: ['127.0.0.0/8', '::1/128'] });
  const addresses = await look(local, 'localhost');
  expect(addresses.length).toBeGreaterThan(0);
  const onlySix = createTargetPolicy({ allowHttp: false, allowedNetworks: ['127.0.0.1/32'] });
  expect((await look(onlySix, 'localhost')).map(({ address }) => address)).toEqual(['127.0.0.1']);
});
