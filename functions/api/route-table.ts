/** Which routes there are, by path: for 405 with `Allow`, and for metrics with few label values. */

interface Route {
  readonly method: string;
  readonly path: string;
}

export interface RouteTable {
  /** Methods that a path answers, HEAD with GET; empty for an unknown path. */
  methodsOf(path: string): readonly string[];
  /** The route's pattern, or `other`. */
  patternOf(method: string, path: string): string;
}

/** @param routes read at the first use, when all are registered; middleware (method ALL) does not count */
export function createRouteTable(routes: () => readonly Route[]): RouteTable {
  let compiled: readonly (Route & { readonly matches: RegExp })[] | undefined;
  const matching = (path: string) => {
    compiled ??= routes()
      .filter(({ method, path: pattern }) => method !== 'ALL' && !pattern.includes('*'))
      .map((route) => ({ ...route, matches: toRegExp(route.path) }));
    return compiled.filter(({ matches }) => matches.test(path));
  };
  return {
    methodsOf: (path) => {
      const methods = new Set(matching(path).map(({ method }) => method));
      if (methods.has('GET')) methods.add('HEAD');
      return [...methods].sort();
    },
    patternOf: (method, path) => {
      const asked = method === 'HEAD' ? 'GET' : method;
      return matching(path).find((route) => route.method === asked)?.path ?? 'other';
    },
  };
}

function toRegExp(pattern: string): RegExp {
  const source = pattern
    .split('/')
    .map((segment) => (segment.startsWith(':') ? '[^/]+' : segment.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)))
    .join('/');
  return new RegExp(`^${source}$`);
}
