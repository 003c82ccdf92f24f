/** Checks resources of a template against CloudFormation's resource schemas, as AWS publishes them for the CDK. */

import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec';
import type { Resource } from './synthesise.ts';

interface PropertyType {
  readonly type: string;
  readonly element?: PropertyType;
  readonly types?: readonly PropertyType[];
  readonly reference?: { readonly $ref: string };
  readonly allowedValues?: readonly unknown[];
}
interface Property {
  readonly type: PropertyType;
  readonly previousTypes?: readonly PropertyType[];
  readonly required?: boolean;
}
type Properties = Readonly<Record<string, Property>>;

/** @returns a function that lists what is wrong with a resource */
export function createSchemaCheck(): (id: string, resource: Resource) => string[] {
  const database = loadAwsServiceSpecSync();

  function checkObject(path: string, properties: Properties, value: Record<string, unknown>): string[] {
    const missing = Object.entries(properties).flatMap(([name, { required }]) =>
      required && !(name in value) ? [`${path}: ${name} is missing`] : [],
    );
    const given = Object.entries(value).flatMap(([name, part]) => {
      const property = properties[name];
      if (property === undefined) return [`${path}: there is no ${name}`];
      const possible = [property.type, ...(property.previousTypes ?? [])].map((type) =>
        checkValue(`${path}.${name}`, type, part),
      );
      return possible.find((problems) => problems.length === 0) ?? possible[0]!;
    });
    return [...missing, ...given];
  }

  function checkValue(path: string, type: PropertyType, value: unknown): string[] {
    if (isIntrinsic(value) || type.type === 'json') return [];
    const wrong = (expected: string) => [`${path}: expected ${expected}, got ${JSON.stringify(value)}`];
    switch (type.type) {
      case 'string':
        if (!['string', 'number', 'boolean'].includes(typeof value)) return wrong('a string');
        return type.allowedValues && !type.allowedValues.includes(value) ? wrong(type.allowedValues.join(' or ')) : [];
      case 'integer':
      case 'number':
        return Number.isFinite(Number(value)) && value !== '' ? [] : wrong(`a ${type.type}`);
      case 'boolean':
        return ['true', 'false'].includes(String(value)) ? [] : wrong('true or false');
      case 'array':
        if (!Array.isArray(value)) return wrong('a list');
        return value.flatMap((element, i) => checkValue(`${path}[${i}]`, type.element!, element));
      case 'map':
        if (!isRecord(value)) return wrong('a map');
        return Object.entries(value).flatMap(([key, element]) => checkValue(`${path}.${key}`, type.element!, element));
      case 'ref': {
        if (!isRecord(value)) return wrong('an object');
        return checkObject(path, database.get('typeDefinition', type.reference!.$ref).properties as Properties, value);
      }
      case 'union': {
        const possible = type.types!.map((one) => checkValue(path, one, value));
        return possible.find((problems) => problems.length === 0) ?? possible[0]!;
      }
      case 'tag':
        return isRecord(value) && 'Key' in value && 'Value' in value ? [] : wrong('a tag');
      case 'date-time':
        return typeof value === 'string' ? [] : wrong('a time');
      default:
        return [`${path}: the schema has an unknown type ${type.type}`];
    }
  }

  return (id, { Type, Properties }) => {
    if (Type.startsWith('Custom::')) return [];
    const [schema] = database.lookup('resource', 'cloudFormationType', 'equals', Type);
    if (schema === undefined) return [`${id}: CloudFormation has no ${Type}`];
    return checkObject(id, schema.properties as Properties, Properties);
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `{ Ref: ... }`, `{ 'Fn::GetAtt': ... }`: known when the template is deployed. */
function isIntrinsic(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const [name, ...others] = Object.keys(value);
  return others.length === 0 && name !== undefined && (name === 'Ref' || name.startsWith('Fn::'));
}
