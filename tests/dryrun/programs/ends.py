"""Programs that end in other ways than after some steps."""

import subprocess
import sys
import time
from pathlib import Path

import torch

what = sys.argv[1]
layer = torch.nn.Linear(1024, 1024).cuda()
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)


class Rows(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 64

    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.full((1024,), float(row))


def step(batch: int) -> None:
    layer(torch.randn(batch, 1024, device="cuda")).sum().backward()
    optimizer.step()
    optimizer.zero_grad()


if what == "early":
    step(8)
elif what == "never":
    layer(torch.randn(8, 1024, device="cuda")).sum().backward()
elif what == "fails":
    raise ValueError("a mistake of the program")
elif what == "catches":
    batch = 1 << 26
    for _ in range(3):
        try:
            step(batch)
        except torch.OutOfMemoryError:
            batch = 8
            step(batch)
elif what == "workers":
    for rows in torch.utils.data.DataLoader(Rows(), batch_size=8, num_workers=2, pin_memory=True):
        layer(rows.cuda(non_blocking=True)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
elif what == "asks-another":
    words = [sys.executable, str(Path(__file__).with_name("prints.py"))]
    assert subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout == b"ready\n"
    for _ in range(2):
        step(8)
elif what == "hangs":
    time.sleep(600)
elif what == "saves":
    for _ in range(3):
        step(8)
        torch.save(layer.state_dict(), sys.argv[2])
