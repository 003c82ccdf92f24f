/**
 * Machines with a GPU that ECS starts when a task wants one and ends when none does. They get a public address from
 * their subnet, so tasks share the machine's network (a task's own interface would have none, and would need a NAT gateway).
 */

import { Duration, Size } from 'aws-cdk-lib';
import { AcceleratorManufacturer, AcceleratorType, type ISecurityGroup, type IVpc } from 'aws-cdk-lib/aws-ec2';
import {
  CapacityOptionType,
  CfnCapacityProvider,
  type Cluster,
  ManagedInstancesCapacityProvider,
  PropagateManagedInstancesTags,
} from 'aws-cdk-lib/aws-ecs';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards, NO_RESOURCE } from '../acknowledge.ts';

export interface GpuCapacityProps {
  readonly cluster: Cluster;
  readonly vpc: IVpc;
  readonly securityGroup: ISecurityGroup;
  readonly instanceTypes: readonly string[];
  /** What a task needs, so that no smaller machine is chosen. */
  readonly vcpus: number;
  readonly memoryMb: number;
  /** @default false */
  readonly spot?: boolean;
}

/** How long a machine without a task is kept for the next one; pulling the image anew takes longer. */
const IDLE_BEFORE_TERMINATION = Duration.minutes(3);
/** Image, model and decoded media. */
const DISK = Size.gibibytes(60);

export class GpuCapacity extends Construct {
  readonly capacityProviderName: string;

  constructor(scope: Construct, id: string, props: GpuCapacityProps) {
    super(scope, id);
    const provider = new ManagedInstancesCapacityProvider(this, 'Provider', {
      subnets: props.vpc.publicSubnets,
      securityGroups: [props.securityGroup],
      capacityOptionType: props.spot ? CapacityOptionType.SPOT : CapacityOptionType.ON_DEMAND,
      taskVolumeStorage: DISK,
      propagateTags: PropagateManagedInstancesTags.CAPACITY_PROVIDER,
      instanceRequirements: {
        allowedInstanceTypes: [...props.instanceTypes],
        vCpuCountMin: props.vcpus,
        memoryMin: Size.mebibytes(props.memoryMb),
        acceleratorTypes: [AcceleratorType.GPU],
        acceleratorManufacturers: [AcceleratorManufacturer.NVIDIA],
        acceleratorCountMin: 1,
      },
    });
    const resource = provider.node.findAll().find((child) => child instanceof CfnCapacityProvider);
    if (resource === undefined) throw new Error('the capacity provider has no CloudFormation resource');
    // the construct does not offer it yet
    resource.addPropertyOverride(
      'ManagedInstancesProvider.InfrastructureOptimization.ScaleInAfter',
      IDLE_BEFORE_TERMINATION.toSeconds(),
    );
    props.cluster.addManagedInstancesCapacityProvider(provider);
    this.capacityProviderName = provider.capacityProviderName;
    acknowledge(provider, {
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonECSInfrastructureRolePolicyForManagedInstances]':
        'the policy that ECS prescribes for starting and ending the machines; AWS keeps it in step with the service',
    });
    acknowledgeWildcards(provider, [
      NO_RESOURCE('what the agent of a machine asks ECS and the registry for'),
      { endsWith: 'container-instance/*', reason: 'the machine itself, whose name is given when it starts' },
      { endsWith: '/*', reason: 'the tasks and the log of this one cluster' },
    ]);
  }
}
