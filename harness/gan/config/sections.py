"""Define the sections of a configuration: the settings of each part, with their defaults."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from harness.gan.config.choices import (
    DISCRIMINATOR_NAMES,
    GENERATOR_NAMES,
    LOSS_NAMES,
    OPTIMIZER_NAMES,
    REGULARIZER_NAMES,
    SCHEDULE_NAMES,
    one_of,
)

# The bounds are far above anything sensible: beyond them sizes overflow or fill any memory, and
# TensorFlow says so in words that lead nowhere.
Positive = Annotated[int, Field(ge=1, le=1_000_000)]
Size = Annotated[int, Field(ge=1, le=4096)]
Depth = Annotated[int, Field(ge=1, le=16)]
Widths = Annotated[tuple[Size, ...], Field(min_length=1, max_length=16)]
KernelSize = Annotated[int, Field(ge=1, le=32)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
NotNegative = Annotated[float, Field(ge=0)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Normalization = Literal["none", "batch", "layer", "group", "pixel"]
Activation = Literal["relu", "leaky_relu"]
Attention = Literal["none", "quarter", "half"]


class Section(BaseModel):
    """A part of a configuration: frozen, without unknown keys, and with finite numbers alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GeneratorConfig(Section):
    """The shape of the generator, and its learning rate.

    Args:
        name: Key of `GENERATORS`, which is also the family: `mlp`, `upsample`, `dcgan` or
            `resnet`; or a function of the user's own, `my_file.py:build`: see
            docs/guides/own-networks-and-losses.md.
        latent_dim: Length of the noise vector.
        conditioning: `concatenation` joins the noise with an embedded label; `conditional_batch`
            learns scale and shift of every batch normalization for each class (Miyato & Koyama
            2018, arXiv 1802.05637); `one_hot` joins it with one number a class, 1 at the label's.
            Conditional GANs only.
        embedding_dim: Length of the label embedding joined to the noise (`concatenation` only).
        width: Channels (or units) of the narrowest hidden layer; the others double from it.
        depth: Number of hidden layers; in `upsample` and `dcgan` those after the projection to a
            quarter of the image's size, in `resnet` the blocks after it. The last two convolutions
            of `upsample` and blocks of `resnet` (depth 2 or more) double the size; in `dcgan` the
            last hidden layer and the output layer do.
        enlargement: How `upsample` doubles the size: by `repetition` before a convolution, or by
            the `transposed` convolution itself.
        widths: Every hidden width in order, the projection's included; replaces `width` and
            `depth`.
        kernel_size: Side of the convolution kernels.
        refine_layers: Convolutions at full size before the output (`upsample` only).
        refine_kernel_size: Side of their kernels, and of the output layer's (`upsample` only).
        normalization: After each hidden layer: by the `batch`, over each sample's `layer` or
            `group` of channels, or of each `pixel`.
        attention: Self-attention at a quarter or half of the image's sides (`resnet` only).
        activation: After each hidden layer.
        leaky_slope: Slope of `leaky_relu` below zero.
        dropout: Share of hidden units dropped while training.
        use_bias: Whether layers add a bias.
        output: `tanh` for images in [-1, 1], `sigmoid` for [0, 1]; the data follow it.
        learning_rate: Step size of its optimizer, before `schedule`.
    """

    name: Annotated[str, AfterValidator(one_of(GENERATOR_NAMES, or_own=True))] = "dcgan"
    latent_dim: Size = 64
    conditioning: Literal["concatenation", "conditional_batch", "one_hot"] = "concatenation"
    embedding_dim: Size = 32
    width: Size = 24
    depth: Depth = 2
    enlargement: Literal["repetition", "transposed"] = "repetition"
    widths: Widths | None = None
    kernel_size: KernelSize = 5
    refine_layers: Annotated[int, Field(ge=0, le=16)] = 0
    refine_kernel_size: KernelSize = 3
    normalization: Normalization = "batch"
    attention: Attention = "none"
    activation: Activation = "leaky_relu"
    leaky_slope: Fraction = 0.2
    dropout: Fraction = 0.0
    use_bias: bool = True
    output: Literal["tanh", "sigmoid"] = "tanh"
    learning_rate: LearningRate = 1e-3

    @property
    def widest(self) -> int:
        """Return the channels of the widest hidden layer."""
        return max(self.widths or (self.width * 2 ** (self.depth - 1),))


class DiscriminatorConfig(Section):
    """The shape of the discriminator, and its learning rate.

    Args:
        name: Key of `DISCRIMINATORS`: `mlp`, `conv` or `resnet`; or a function of the user's own.
        conditioning: `embedding_map` joins the image with an embedded label of the image's size,
            `one_hot_map` with a map for each class, filled with 1 at the label's and 0 elsewhere;
            `projection` adds the inner product of label embedding and features (Miyato & Koyama
            2018, arXiv 1802.05637); `auxiliary` is not given the label but predicts it, and G pays
            where it reads another one (Odena et al. 2017, arXiv 1610.09585). Conditional GANs
            only.
        width: Channels (or units) of the narrowest hidden layer; the others double from it.
        depth: Number of hidden layers; in `resnet` of blocks, of which the first two halve the
            size.
        widths: Every hidden width in order; replaces `width` and `depth`.
        kernel_size: Side of the convolution kernels.
        stride: Stride of every convolution (`conv` only).
        padding: Padding of every convolution (`conv` only).
        normalization: After each hidden layer but the first, as for the generator.
        attention: Self-attention at a quarter or half of the image's sides (`resnet` only).
        minibatch_deviation: Whether the last hidden layer also sees how much the batch varies
            (Karras et al. 2018, arXiv 1710.10196, section 3).
        activation: After each hidden layer.
        leaky_slope: Slope of `leaky_relu` below zero.
        dropout: Share of hidden units dropped after each hidden layer while training.
        dropouts: The same for every hidden layer in order; replaces `dropout` (`mlp`, `conv`).
        pooling: What of the last convolution reaches the output layer: every place (`none`) or
            the largest value of each channel (`conv` only).
        head_dropout: Share dropped once more before the output layer.
        spectral_normalization: Whether every kernel is divided by its largest singular value; see
            `gan/networks/spectral.py`.
        learning_rate: Step size of its optimizer, before `schedule`.
    """

    name: Annotated[str, AfterValidator(one_of(DISCRIMINATOR_NAMES, or_own=True))] = "conv"
    conditioning: Literal["embedding_map", "one_hot_map", "projection", "auxiliary"] = "projection"
    width: Size = 24
    depth: Depth = 2
    widths: Widths | None = None
    kernel_size: KernelSize = 5
    stride: Literal[1, 2] = 2
    padding: Literal["same", "valid"] = "same"
    normalization: Normalization = "none"
    attention: Attention = "none"
    minibatch_deviation: bool = False
    activation: Activation = "leaky_relu"
    leaky_slope: Fraction = 0.2
    dropout: Fraction = 0.0
    dropouts: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=16)] | None = None
    pooling: Literal["none", "max"] = "none"
    head_dropout: Fraction = 0.0
    spectral_normalization: bool = False
    learning_rate: LearningRate = 1e-3

    @property
    def widest(self) -> int:
        """Return the channels of the widest hidden layer."""
        return max(self.widths or (self.width * 2 ** (self.depth - 1),))

    @property
    def hidden_layers(self) -> int:
        """Return the number of hidden layers."""
        return len(self.widths or ()) or self.depth


class LossConfig(Section):
    """What the two networks minimize.

    Args:
        name: Key of `LOSSES`: `non_saturating`, `least_squares`, `hinge`, `wasserstein` or
            `relativistic`; or a function of the user's own.
        label_smoothing: Real targets become 1 - label_smoothing (one-sided; Salimans et al. 2016,
            arXiv 1606.03498). Non-saturating and least squares only.
        label_noise: Width of uniform noise that moves real targets down from 1 and fake targets
            up from 0, fresh each step. Non-saturating and least squares only.
        auxiliary_weight: Factor of the cross-entropy of the classes that the discriminator tells
            (`discriminator.conditioning: auxiliary` only).
    """

    name: Annotated[str, AfterValidator(one_of(LOSS_NAMES, or_own=True))] = "non_saturating"
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    label_noise: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    auxiliary_weight: Annotated[float, Field(gt=0)] = 1.0


class RegularizerConfig(Section):
    """A penalty on the slope of the discriminator.

    Args:
        name: Key of `REGULARIZERS`: `none`, `gradient_penalty` (between real and fake), `r1` (at
            real images), `r2` (at fakes) or `r1_r2`.
        weight: Factor of the penalty; 0 with `none`, above 0 with any other. Their papers use 10.
        interval: D updates from one penalty to the next, which weighs `interval` times as much.
    """

    name: Annotated[str, AfterValidator(one_of(REGULARIZER_NAMES))] = "none"
    weight: NotNegative = 0.0
    interval: Positive = 1


class AugmentConfig(Section):
    """What changes every image the discriminator sees, real and generated alike.

    The defaults leave images alone. Zhao et al. use translation 0.125, cutout 0.5, brightness
    0.25, saturation 1.0 and contrast 0.5.

    Args:
        translation: Largest shift, as a share of the image's side.
        cutout: Side of a square painted black, as a share of the image's.
        brightness: Largest change of all pixels, as a share of the range from black to white.
        saturation: Largest change of the factor of 1 on each pixel's distance from its grey.
        contrast: Largest change of the factor of 1 on each value's distance from the image's mean.
        noise: Standard deviation, at the start, of normal noise on every pixel, as a share of
            the range from black to white.
        noise_kimg: Thousands of real images over which it falls linearly to 0; needed with noise.
    """

    translation: Fraction = 0.0
    cutout: Fraction = 0.0
    brightness: Fraction = 0.0
    saturation: Annotated[float, Field(ge=0, le=1)] = 0.0
    contrast: Annotated[float, Field(ge=0, le=1)] = 0.0
    noise: Fraction = 0.0
    noise_kimg: NotNegative = 0.0


class OptimizerConfig(Section):
    """What both optimizers share.

    Args:
        name: Key of `OPTIMIZERS`: `adam`, `adamw` or `rmsprop`.
        beta_1: Decay of the gradient's running mean; `rmsprop` has none and ignores it.
        beta_2: Decay of the squared gradient's running mean, called rho in `rmsprop`.
        weight_decay: Share of each weight, times the learning rate, taken off at each update
            (`adamw` only, which needs it).
        clip_norm: Largest norm of a network's whole gradient, which is scaled down to it; 0 turns
            clipping off.
    """

    name: Annotated[str, AfterValidator(one_of(OPTIMIZER_NAMES))] = "adam"
    beta_1: Fraction = 0.5
    beta_2: Fraction = 0.999
    weight_decay: Fraction = 0.0
    clip_norm: NotNegative = 0.0


class ScheduleConfig(Section):
    """How both learning rates change over training; see `gan/updates/schedules.py`.

    Args:
        name: Key of `SCHEDULES`: `constant`, `linear` or `cosine` decay.
        warmup_kimg: Thousands of real images over which the rates first rise linearly from 0.
        hold_kimg: Thousands of real images, from the start of training, at which the decay begins;
            by 0 it begins with the end of the warm-up.
        decay_kimg: Thousands of real images, from the start of training, at which the decay ends;
            needed by `linear` and `cosine`. Training beyond it keeps the final rate.
        final_share: Share of the full learning rate that is left then.
    """

    name: Annotated[str, AfterValidator(one_of(SCHEDULE_NAMES))] = "constant"
    warmup_kimg: NotNegative = 0.0
    hold_kimg: NotNegative = 0.0
    decay_kimg: NotNegative = 0.0
    final_share: Annotated[float, Field(ge=0, le=1)] = 0.0


class UpdateConfig(Section):
    """The order of updates within one step.

    Args:
        order: `alternating` updates D, then G against the new D; `simultaneous` takes both
            gradients from one forward pass, which is a training pass of both.
        discriminator_steps: D updates per G update, each on fresh real images.
        discriminator_batches: `joint` shows D real and fake in one batch, `separate` in two calls
            and one update, `sequential` in two calls with an update after each. These are
            different models under batch normalization.
        fakes_in_inference_mode: Whether G makes the fakes of D's step in inference mode.
        judge_in_inference_mode: Whether D judges in G's step in inference mode (no dropout).
    """

    order: Literal["alternating", "simultaneous"] = "alternating"
    discriminator_steps: Annotated[int, Field(ge=1, le=100)] = 1
    discriminator_batches: Literal["joint", "separate", "sequential"] = "joint"
    fakes_in_inference_mode: bool = False
    judge_in_inference_mode: bool = False


class EMAConfig(Section):
    """The average of the generator's weights over training.

    Args:
        half_life_kimg: Thousands of real images after which a weight's share has halved; 0 turns
            averaging off. The start is bias-corrected.
        ramp: The half-life is at most this share of the images seen so far, and reaches
            `half_life_kimg` later (StyleGAN2: 0.05); 0 turns the ramp off. Replaces the bias
            correction.
    """

    half_life_kimg: NotNegative = 5.0
    ramp: NotNegative = 0.0


class GANSettings(Section):
    """All settings of a training, before it is checked whether they go together.

    Args:
        conditional: Whether both networks are given the label.
        batch_size: Real images per D update.
        seed: Origin of every random stream of the training.
        generator: The generator.
        discriminator: The discriminator.
        loss: What they minimize.
        regularizer: What the discriminator pays for its slope.
        augment: What happens to images on their way to the discriminator.
        optimizer: What their optimizers share.
        schedule: How their learning rates change.
        update: The order of updates.
        ema: Averaging of the generator's weights.
        precision: Of the arithmetic inside the networks while they train; weights, images, logits
            and losses are float32 in either case, and so is every generator scored or saved.
    """

    conditional: bool = True
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 64
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: LossConfig = LossConfig()
    regularizer: RegularizerConfig = RegularizerConfig()
    augment: AugmentConfig = AugmentConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    update: UpdateConfig = UpdateConfig()
    ema: EMAConfig = EMAConfig()
    precision: Literal["float32", "bfloat16"] = "float32"
