"""What each ``model_type`` of the transformers library builds from its config.

One function a family returns plain data for :class:`gptbudget.specs.model.ModelSpec`.
Where a key is missing, the default is that of the library's config class of the type
(transformers 5.x, ``src/transformers/models/<type>/configuration_<type>.py``; the tensors
are those of ``modeling_<type>.py`` beside it).
"""

from collections.abc import Callable

from gptbudget.catalog.huggingface import gpt, latent, llama
from gptbudget.catalog.huggingface.config import HfConfig
from gptbudget.catalog.huggingface.shared import Model

FAMILIES: dict[str, Callable[[HfConfig], Model]] = {
    "bloom": gpt.bloom,
    "deepseek_v2": latent.deepseek_v2,
    "deepseek_v3": latent.deepseek_v3,
    "falcon": gpt.falcon,
    "gemma": llama.gemma,
    "gemma2": llama.gemma2,
    "gemma3_text": llama.gemma3_text,
    "gpt2": gpt.gpt2,
    "gpt_bigcode": gpt.gpt_bigcode,
    "gpt_neo": gpt.gpt_neo,
    "gpt_neox": gpt.gpt_neox,
    "gpt_oss": llama.gpt_oss,
    "gptj": gpt.gptj,
    "llama": llama.llama,
    "mistral": llama.mistral,
    "mixtral": llama.mixtral,
    "mpt": gpt.mpt,
    "olmo": llama.olmo,
    "olmo2": llama.olmo2,
    "olmoe": llama.olmoe,
    "opt": gpt.opt,
    "phi": llama.phi,
    "phi3": llama.phi3,
    "qwen2": llama.qwen2,
    "qwen2_moe": llama.qwen2_moe,
    "qwen3": llama.qwen3,
    "qwen3_moe": llama.qwen3_moe,
    "smollm3": llama.smollm3,
    "stablelm": llama.stablelm,
    "starcoder2": llama.starcoder2,
}

"""How each model type is read; ``gemma3`` holds a ``gemma3_text`` in its ``text_config``."""
