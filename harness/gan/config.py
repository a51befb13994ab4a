"""Define GANConfig: everything that determines a training, and the only home of defaults."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.gan.rules import RULES

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Normalisation = Literal["none", "batch"]
Activation = Literal["relu", "leaky_relu"]


class _Ingredient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GeneratorConfig(_Ingredient):
    """Shape the generator and set its learning rate.

    Args:
        name: Key of `GENERATORS`, which is also the family: `mlp`, `upsample` or `dcgan`.
        latent_dim: Length of the noise vector.
        embedding_dim: Length of the label embedding joined to the noise (conditional only).
        width: Channels (or units) of the narrowest hidden layer; the others double from it.
        depth: Number of hidden layers; in `upsample` and `dcgan` those after the projection to a
            quarter of the image's size. The last two convolutions of `upsample` (depth 2 or more)
            double the size; in `dcgan` the last hidden layer and the output layer do.
        widths: Every hidden width in order, the projection's included; replaces `width` and
            `depth`.
        kernel_size: Side of the convolution kernels.
        refine_layers: Convolutions at full size before the output (`upsample` only).
        refine_kernel_size: Side of their kernels, and of the output layer's (`upsample` only).
        normalisation: After each hidden layer.
        activation: After each hidden layer.
        leaky_slope: Slope of `leaky_relu` below zero.
        dropout: Share of hidden units dropped while training.
        use_bias: Whether layers add a bias.
        output: `tanh` for images in [-1, 1], `sigmoid` for [0, 1]; the data follow it.
        learning_rate: Step size of its Adam.
    """

    name: str = "dcgan"
    latent_dim: Positive = 64
    embedding_dim: Positive = 32
    width: Positive = 24
    depth: Positive = 2
    widths: tuple[Positive, ...] | None = None
    kernel_size: Positive = 5
    refine_layers: Annotated[int, Field(ge=0)] = 0
    refine_kernel_size: Positive = 3
    normalisation: Normalisation = "batch"
    activation: Activation = "leaky_relu"
    leaky_slope: Fraction = 0.2
    dropout: Fraction = 0.0
    use_bias: bool = True
    output: Literal["tanh", "sigmoid"] = "tanh"
    learning_rate: LearningRate = 1e-3


class DiscriminatorConfig(_Ingredient):
    """Shape the discriminator and set its learning rate.

    Args:
        name: Key of `DISCRIMINATORS`: `mlp` or `conv`.
        conditioning: `embedding_map` joins the image with an embedded label of the image's size;
            `projection` adds the inner product of label embedding and features (Miyato & Koyama
            2018, arXiv 1802.05637). Conditional GANs only.
        width: Channels (or units) of the narrowest hidden layer; the others double from it.
        depth: Number of hidden layers.
        widths: Every hidden width in order; replaces `width` and `depth`.
        kernel_size: Side of the convolution kernels.
        stride: Stride of every convolution.
        padding: Padding of every convolution.
        normalisation: After each hidden layer but the first.
        activation: After each hidden layer.
        leaky_slope: Slope of `leaky_relu` below zero.
        dropout: Share of hidden units dropped after each hidden layer while training.
        head_dropout: Share dropped once more before the output layer.
        learning_rate: Step size of its Adam.
    """

    name: str = "conv"
    conditioning: Literal["embedding_map", "projection"] = "projection"
    width: Positive = 24
    depth: Positive = 2
    widths: tuple[Positive, ...] | None = None
    kernel_size: Positive = 5
    stride: Literal[1, 2] = 2
    padding: Literal["same", "valid"] = "same"
    normalisation: Normalisation = "none"
    activation: Activation = "leaky_relu"
    leaky_slope: Fraction = 0.2
    dropout: Fraction = 0.0
    head_dropout: Fraction = 0.0
    learning_rate: LearningRate = 1e-3


class LossConfig(_Ingredient):
    """Choose what the two networks minimise.

    Args:
        name: Key of `LOSSES`: `non_saturating` or `hinge`.
        label_smoothing: Real targets become 1 - label_smoothing (one-sided; Salimans et al. 2016,
            arXiv 1606.03498). Non-saturating only.
        label_noise: Width of uniform noise that moves real targets down from 1 and fake targets
            up from 0, fresh each step. Non-saturating only.
    """

    name: str = "non_saturating"
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    label_noise: Annotated[float, Field(ge=0, lt=0.5)] = 0.0


class OptimizerConfig(_Ingredient):
    """Set what both Adam optimizers share.

    Args:
        beta_1: Decay of the gradient's running mean.
        beta_2: Decay of the squared gradient's running mean.
    """

    beta_1: Fraction = 0.5
    beta_2: Annotated[float, Field(gt=0, lt=1)] = 0.999


class UpdateConfig(_Ingredient):
    """Order the updates within one step.

    Args:
        order: `alternating` updates D, then G against the new D; `simultaneous` takes both
            gradients from one forward pass, which is a training pass of both.
        discriminator_steps: D updates per G update, each on fresh real images.
        discriminator_batches: `joint` shows D real and fake in one batch, `separate` in two calls
            and one update, `sequential` in two calls with an update after each. These are
            different models under batch normalisation.
        fakes_in_inference_mode: Whether G makes the fakes of D's step in inference mode.
        judge_in_inference_mode: Whether D judges in G's step in inference mode (no dropout).
    """

    order: Literal["alternating", "simultaneous"] = "alternating"
    discriminator_steps: Positive = 1
    discriminator_batches: Literal["joint", "separate", "sequential"] = "joint"
    fakes_in_inference_mode: bool = False
    judge_in_inference_mode: bool = False


class EMAConfig(_Ingredient):
    """Average the generator's weights over training.

    Args:
        half_life_kimg: Thousands of real images after which a weight's share has halved; 0 turns
            averaging off. The start is bias-corrected.
    """

    half_life_kimg: Annotated[float, Field(ge=0)] = 5.0


class GANConfig(_Ingredient):
    """Determine one training completely, given a data set.

    Args:
        conditional: Whether both networks are told the label.
        batch_size: Real images per D update.
        seed: Origin of every random stream of the training.
        generator: The generator.
        discriminator: The discriminator.
        loss: What they minimise.
        optimizer: What their optimizers share.
        update: The order of updates.
        ema: Averaging of the generator's weights.
    """

    conditional: bool = True
    batch_size: Annotated[int, Field(ge=2)] = 64
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    update: UpdateConfig = UpdateConfig()
    ema: EMAConfig = EMAConfig()

    @property
    def family(self) -> str:
        """Return the family, which is the generator's name."""
        return self.generator.name

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        for rule in RULES:
            fault = rule.fault(self)
            if fault:
                raise ValueError(fault)
        return self
