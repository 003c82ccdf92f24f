// Convolutions (3 x 3 of stride 1 by Winograd's F(4 x 4, 3 x 3)) and batch norms of oneDNN 2 on float32 maps in blocks of 16 channels, [N, C / 16, H, W, 16].
// Called from blocked.py; weights are [O, I, k, k]. One thread; primitives are kept.
#include <dnnl.hpp>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

using namespace dnnl;
using Tag = memory::format_tag;

static engine cpu(engine::kind::cpu, 0);
static stream queue(cpu);
static const auto F32 = memory::data_type::f32;

static memory::desc map_of(int n, int c, int h, int w) { return {{n, c, h, w}, F32, c % 16 ? Tag::nchw : Tag::nChw16c}; }

struct Convolution {
  memory::desc source, target, plain;
  convolution_forward::primitive_desc forward;
  convolution_backward_data::primitive_desc backward;
  convolution_backward_weights::primitive_desc weights;
  primitive run_forward, run_backward, run_weights;
  memory forward_weights, backward_weights, weight_gradient;

  Convolution(int n, int i, int o, int h, int w, int k, int stride) : source(map_of(n, i, h, w)), plain({o, i, k, k}, F32, Tag::oihw) {
    int p = k / 2;
    target = map_of(n, o, (h + 2 * p - k) / stride + 1, (w + 2 * p - k) / stride + 1);
    bool whole = k == 3 && stride == 1 && h % 4 == 0 && w % 4 == 0;
    auto algorithm = whole ? algorithm::convolution_winograd : algorithm::convolution_direct;
    memory::desc any({o, i, k, k}, F32, Tag::any);
    memory::dims strides{stride, stride}, padding{p, p};
    forward = {{prop_kind::forward_training, algorithm, source, any, target, strides, padding, padding}, cpu};
    run_forward = convolution_forward(forward);
    forward_weights = memory(forward.weights_desc(), cpu);
    weights = {{algorithm, source, any, target, strides, padding, padding}, cpu, forward};
    run_weights = convolution_backward_weights(weights);
    weight_gradient = memory(weights.diff_weights_desc(), cpu);
    if (i % 16) return;
    backward = {{algorithm, source, any, target, strides, padding, padding}, cpu, forward};
    run_backward = convolution_backward_data(backward);
    backward_weights = memory(backward.weights_desc(), cpu);
  }
};

static void copy(memory &from, memory &to) { reorder(from, to).execute(queue, from, to); }

static Convolution &convolution_of(int n, int i, int o, int h, int w, int k, int stride) {
  static std::map<std::vector<int>, Convolution *> known;
  auto &found = known[{n, i, o, h, w, k, stride}];
  if (!found) found = new Convolution(n, i, o, h, w, k, stride);
  return *found;
}

extern "C" void convolve(float *x, float *kernel, float *y, int n, int i, int o, int h, int w, int k, int stride) {
  auto &c = convolution_of(n, i, o, h, w, k, stride);
  memory plain(c.plain, cpu, kernel);
  copy(plain, c.forward_weights);
  c.run_forward.execute(queue, {{DNNL_ARG_SRC, {c.source, cpu, x}}, {DNNL_ARG_WEIGHTS, c.forward_weights}, {DNNL_ARG_DST, {c.target, cpu, y}}});
}

// dx may be null
extern "C" void convolve_backward(float *x, float *kernel, float *dy, float *dx, float *dkernel, int n, int i, int o, int h, int w, int k, int stride) {
  auto &c = convolution_of(n, i, o, h, w, k, stride);
  memory plain(c.plain, cpu, kernel), gradient(c.plain, cpu, dkernel), from(c.target, cpu, dy);
  if (dx) {
    copy(plain, c.backward_weights);
    c.run_backward.execute(queue, {{DNNL_ARG_DIFF_DST, from}, {DNNL_ARG_WEIGHTS, c.backward_weights}, {DNNL_ARG_DIFF_SRC, {c.source, cpu, dx}}});
  }
  c.run_weights.execute(queue, {{DNNL_ARG_SRC, {c.source, cpu, x}}, {DNNL_ARG_DIFF_DST, from}, {DNNL_ARG_DIFF_WEIGHTS, c.weight_gradient}});
  copy(c.weight_gradient, gradient);
}

struct Norm {
  memory::desc map;
  batch_normalization_forward::primitive_desc forward;
  batch_normalization_backward::primitive_desc backward;
  primitive run_forward, run_backward;

  Norm(int n, int c, int h, int w, int relu, float epsilon) : map(map_of(n, c, h, w)) {
    auto flags = normalization_flags::use_scale_shift;
    if (relu) flags |= normalization_flags::fuse_norm_relu;
    forward = {{prop_kind::forward_training, map, epsilon, flags}, cpu};
    backward = {{prop_kind::backward, map, map, epsilon, flags}, cpu, forward};
    run_forward = batch_normalization_forward(forward);
    run_backward = batch_normalization_backward(backward);
  }
};

static Norm &norm_of(int n, int c, int h, int w, int relu, float epsilon) {
  static std::map<std::vector<int>, Norm *> known;
  auto &found = known[{n, c, h, w, relu}];
  if (!found) found = new Norm(n, c, h, w, relu, epsilon);
  return *found;
}

// bytes of what the backward pass has to know of the forward one's relu
extern "C" size_t norm_workspace(int n, int c, int h, int w, int relu, float epsilon) { return norm_of(n, c, h, w, relu, epsilon).forward.workspace_desc().get_size(); }

// affine: [2, C], scale and shift; mean, variance: [C]
extern "C" void normalise(float *x, float *y, float *affine, float *mean, float *variance, void *workspace, int n, int c, int h, int w, int relu, float epsilon) {
  auto &f = norm_of(n, c, h, w, relu, epsilon);
  memory::desc one({c}, F32, Tag::x), two({2, c}, F32, Tag::nc);
  f.run_forward.execute(queue, {{DNNL_ARG_SRC, {f.map, cpu, x}}, {DNNL_ARG_DST, {f.map, cpu, y}}, {DNNL_ARG_SCALE_SHIFT, {two, cpu, affine}},
    {DNNL_ARG_MEAN, {one, cpu, mean}}, {DNNL_ARG_VARIANCE, {one, cpu, variance}}, {DNNL_ARG_WORKSPACE, {f.forward.workspace_desc(), cpu, workspace}}});
}

extern "C" void normalise_backward(float *x, float *dy, float *dx, float *affine, float *daffine, float *mean, float *variance, void *workspace,
                                   int n, int c, int h, int w, int relu, float epsilon) {
  auto &f = norm_of(n, c, h, w, relu, epsilon);
  memory::desc one({c}, F32, Tag::x), two({2, c}, F32, Tag::nc);
  f.run_backward.execute(queue, {{DNNL_ARG_SRC, {f.map, cpu, x}}, {DNNL_ARG_DIFF_DST, {f.map, cpu, dy}}, {DNNL_ARG_DIFF_SRC, {f.map, cpu, dx}}, {DNNL_ARG_SCALE_SHIFT, {two, cpu, affine}},
    {DNNL_ARG_DIFF_SCALE_SHIFT, {two, cpu, daffine}}, {DNNL_ARG_MEAN, {one, cpu, mean}}, {DNNL_ARG_VARIANCE, {one, cpu, variance}},
    {DNNL_ARG_WORKSPACE, {f.forward.workspace_desc(), cpu, workspace}}});
}
