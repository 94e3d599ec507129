import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FastifyRequest } from 'fastify';
import { cookieOf, setCookie } from './page-requests.ts';

const request = (cookie: string) =>
  ({
    headers: { cookie },
    server: { server: { address: () => ({ port: 8082 }) } },
  }) as unknown as FastifyRequest;

test('a browser sends the cookie over TLS only when the route speaks TLS', () => {
  assert.match(setCookie(request(''), 's', true), /^cim-admin-8082=s; .*; Secure$/);
  assert.doesNotMatch(setCookie(request(''), 's', false), /Secure/);
});

test('the cookie of another port of this host is no cookie of this route', () => {
  assert.equal(cookieOf(request('cim-admin-8083=other; cim-admin-8082=mine')), 'mine');
  assert.equal(cookieOf(request('cim-admin-80829=other; xcim-admin-8082=other')), '');
});
