"""From FLOPs to seconds, GPU-hours, money, energy and carbon."""

from gptbudget.core.arrays import Count, Flops, Number, Seconds

_S_PER_HOUR = 3600
_W_PER_KW = 1000
_G_PER_KG = 1000


def gpu_hours(gpus: Count, wall_clock_s: Seconds) -> Number:
    """GPU-hours = GPUs x hours."""
    return gpus * wall_clock_s / _S_PER_HOUR


def rent_usd(hours: Number, price_usd_per_hour: Number) -> Number:
    """Rent in dollars = GPU-hours x price. llm.c: 24 h of an 8-GPU node at $28/h is $672."""
    return hours * price_usd_per_hour


def energy_kwh(hours: Number, power_w: Number, pue: Number = 1.0) -> Number:
    """Energy = GPU-hours x power x PUE.

    ``power_w`` is the mean draw of one accelerator; its TDP is an upper bound. ``pue`` is
    the power drawn by the data centre for each watt of the machine. The host, failed runs and the
    making of the hardware are left out.

    Patterson et al. 2021 (arXiv 2104.10350, Table 4): 10,000 V100 for 14.8 days at 330 W
    and a PUE of 1.10 are 1,289 MWh for GPT-3 (printed: 1,287).
    """
    return hours * power_w * pue / _W_PER_KW


def co2_kg(energy_kwh: Number, grid_g_per_kwh: Number) -> Number:
    """Carbon dioxide = energy x intensity of the grid.

    Llama 2 (model card): 184,320 h x 400 W x PUE 1.1 x 385 g/kWh = 31.22 t for the 7B model.
    """
    return energy_kwh * grid_g_per_kwh / _G_PER_KG


def delivered_flops_per_s(
    gpus: Count, peak_flops_per_s: Flops, utilization: Number, goodput: Number = 1.0
) -> Flops:
    """Delivered FLOP/s = GPUs x peak x utilization x goodput.

    ``utilization`` is the share of the dense peak in a steady step (MFU when the FLOPs are
    the model's own); ``goodput`` the share of the wall-clock time spent in such steps.

    Example: 40.09e12 x 0.9 x 31,536,000 s = 1.138e21 FLOP in a year of one RTX 4070 Ti at
    90 % of its fp32 peak.
    """
    return gpus * peak_flops_per_s * utilization * goodput


def wall_clock_s(required_flops: Flops, delivered: Flops) -> Seconds:
    """Seconds = required FLOPs / delivered FLOP/s, both in the same convention.

    Narayanan et al. 2021 (arXiv 2104.04473, section 5.1): 8 x 300e9 x 175e9 FLOP at 1,024 x
    140e12 FLOP/s take 34 days (recomputation counted on both sides).
    """
    return required_flops / delivered
