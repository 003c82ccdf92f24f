/** What three ways of use consume, under the default settings. Each number says where it comes from. */

import { METRIC } from '#functions/metric-names.ts';
import type { Prices } from './prices.ts';

export interface Workload {
  readonly name: string;
  /** Units consumed, by price. */
  readonly uses: Readonly<Partial<Record<keyof Prices, number>>>;
}

const HOURS_A_MONTH = 730;
const SECONDS_AN_HOUR = 3_600;
/** 3,008 MB: the default of every function. */
const FUNCTION_GB = 2.9375;

/** Metrics that the alarms of a default stage read, scaling included; a test counts them in the templates. */
export const ALARM_METRICS = 17;
/** Metrics of the programs themselves. */
const OWN_METRICS = Object.keys(METRIC).length;
/** Compressed: the image of the functions, of the CPU worker, and of the GPU worker with CUDA's libraries (estimated). */
const IMAGES_GB = 0.3 + 0.2 + 2.2;
/** Lambda looks at the queue with five long polls of 20 seconds at any time. */
const POLLS_A_MONTH = 5 * 3 * 60 * HOURS_A_MONTH;
/** The compactor's schedule finds nothing to do: start and listing, 3 seconds (estimated). */
const IDLE_COMPACTION_GB_SECONDS = HOURS_A_MONTH * 3 * FUNCTION_GB;

export const IDLE: Workload = {
  name: 'idle, a month',
  uses: {
    ecrGbMonth: IMAGES_GB,
    alarmMetricMonth: ALARM_METRICS,
    dashboardMonth: 1,
    sqsMillionRequests: POLLS_A_MONTH / 1e6,
    lambdaGbSecond: IDLE_COMPACTION_GB_SECONDS,
    lambdaMillionRequests: HOURS_A_MONTH / 1e6,
    s3ThousandWrites: HOURS_A_MONTH / 1_000, // a listing costs as much as a write
    millionTraces: HOURS_A_MONTH / 1e6,
    logsGb: 0.01,
  },
};

const PICTURES = 100_000;
const PICTURE_MB = 0.5;
/** `npm run bench -- memory` prints 61 a second for pictures of 12 megapixels on two cores, where decoding is the limit. */
const PICTURES_A_SECOND = 60;
/** From the first message to the first batch, and from the last one to the machine's end. */
const GPU_START_AND_LULL_HOURS = 0.3;
const GPU_HOURS = PICTURES / PICTURES_A_SECOND / SECONDS_AN_HOUR + GPU_START_AND_LULL_HOURS;
const DISK_GB = 60;
/** Pictures of one delta, and deltas of one compaction. */
const ITEMS_A_DELTA = 128;
const DELTAS_A_COMPACTION = 64;
const COMPACTIONS = PICTURES / ITEMS_A_DELTA / DELTAS_A_COMPACTION;
/** `npm run bench -- query`: the first compaction of 100,000 parts takes 65 s. */
const COMPACTION_SECONDS = 65;
/** The small lane works along with the GPU: four functions. */
const SMALL_LANE_GB_SECONDS = 4 * FUNCTION_GB * GPU_HOURS * SECONDS_AN_HOUR;

export const IMPORT: Workload = {
  name: '100,000 pictures, once',
  uses: {
    gpuHour: GPU_HOURS,
    managedInstanceHour: GPU_HOURS,
    publicAddressHour: GPU_HOURS,
    diskGbMonth: (DISK_GB * GPU_HOURS) / HOURS_A_MONTH,
    s3ThousandWrites: (PICTURES + (2 * PICTURES) / ITEMS_A_DELTA) / 1_000,
    s3ThousandReads: (2 * PICTURES) / 1_000, // the picture, and a look at whether it is new
    sqsMillionRequests: (1.2 * PICTURES) / 1e6, // sent one by one, received and removed by tens
    lambdaGbSecond: SMALL_LANE_GB_SECONDS + COMPACTIONS * COMPACTION_SECONDS * FUNCTION_GB,
    lambdaMillionRequests: PICTURES / ITEMS_A_DELTA / 1e6,
    logsGb: 0.2,
    ownMetricMonth: OWN_METRICS,
  },
};

/** Of pictures and of their index, to be added to whatever is asked. */
export const KEEPING: Workload = {
  name: 'keeping 100,000 pictures (50 GB), a month',
  uses: { s3GbMonth: (PICTURES * PICTURE_MB) / 1_000 + 0.5 },
};

const QUERIES = 1_000 * 30;
/** Mean time of a query in the function, with the network (estimated; the search itself takes milliseconds). */
const QUERY_SECONDS = 0.2;
/** Cold starts a day, and their time with loading model and index (estimated). */
const COLD_STARTS = 100 * 30;
const COLD_START_SECONDS = 5;

export const QUERYING: Workload = {
  name: '1,000 queries a day, a month',
  uses: {
    apiMillionRequests: QUERIES / 1e6,
    lambdaMillionRequests: QUERIES / 1e6,
    lambdaGbSecond: (QUERIES * QUERY_SECONDS + COLD_STARTS * COLD_START_SECONDS) * FUNCTION_GB,
    s3ThousandReads: (QUERIES + COLD_STARTS * 50) / 1_000, // a look for a newer generation; its files in ranges
    millionTraces: QUERIES / 1e6,
    logsGb: (QUERIES * 2) / 1e6, // 2 kB a query
    ownMetricMonth: OWN_METRICS,
  },
};

export const WORKLOADS: readonly Workload[] = [IDLE, IMPORT, KEEPING, QUERYING];
