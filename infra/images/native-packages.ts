/** Packages that bring binaries, or read files of their own: they are placed beside the bundle instead of into it. */
export const NATIVE_PACKAGES = ['onnxruntime-node', 'hnswlib-node', 'sharp', 'aws-lambda-ric'];
