/**
 * One order for the changes of a key, whoever saw them: plain string order over
 *   what was listed and never seen ("+") < ULIDs of this program's own observations < Amazon S3's events ("s3:...").
 * A change that follows from what the index knows comes right after it ("...+"), before whatever happens next.
 */

/**
 * S3's sequencers are hexadecimal numbers of different lengths, compared "as if the shorter one were padded with zeros on
 * the right". Without the zeros at their ends plain string order is the same order.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export function s3Sequencer(hexadecimal: string): string {
  return `s3:${hexadecimal.toLowerCase().replace(/0+$/, '')}`;
}

/** Greater than what is known of a key, less than any later event: "+" sorts before every digit and letter. */
export function sequencerAfter(known: string | undefined): string {
  return `${known ?? ''}+`;
}
