/** Events of API Gateway's REST APIs with proxy integration, as the developer guide shows them. */

export interface ApiEventOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | object;
}

/** @param path percent-encoded, without the stage */
export function apiEvent(path: string, { method = 'GET', headers = {}, query, body }: ApiEventOptions = {}): object {
  const json = typeof body === 'object' && !(body instanceof Uint8Array);
  const bytes = body === undefined ? undefined : Buffer.from(json ? JSON.stringify(body) : (body as string));
  const sent: Record<string, string> = {
    Host: 'abc123.execute-api.eu-central-1.amazonaws.com',
    'X-Amzn-Trace-Id': 'Root=1-5e66d96f-7491f09xmpl79d18acf3d050',
    ...(json && { 'content-type': 'application/json' }),
    ...headers,
  };
  return {
    resource: '/v1/{proxy+}',
    path,
    httpMethod: method,
    headers: sent,
    multiValueHeaders: Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, [value]])),
    queryStringParameters: query ?? null,
    multiValueQueryStringParameters:
      query === undefined ? null : Object.fromEntries(Object.entries(query).map(([name, value]) => [name, [value]])),
    pathParameters: { proxy: path.replace('/v1/', '') },
    stageVariables: null,
    requestContext: {
      accountId: '111122223333',
      apiId: 'abc123',
      domainName: 'abc123.execute-api.eu-central-1.amazonaws.com',
      httpMethod: method,
      path: `/prod${path}`,
      protocol: 'HTTP/1.1',
      requestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
      resourcePath: '/v1/{proxy+}',
      stage: 'prod',
    },
    body: bytes === undefined ? null : bytes.toString('base64'), // every media type is binary in our deployment
    isBase64Encoded: bytes !== undefined,
  };
}
