<#
.SYNOPSIS
Installs MxGateway as a Windows service.

.DESCRIPTION
Copies the programs to Program Files, writes the configuration unless there is one, and registers and starts the
service. Run it again to upgrade: the configuration and the data stay. Needs an elevated PowerShell.

.PARAMETER Directory
Where the programs go.

.PARAMETER NoStart
Registers the service and does not start it.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File install.ps1
#>
[CmdletBinding()]
param(
    [string] $Directory = (Join-Path $env:ProgramFiles 'MxGateway'),
    [switch] $NoStart
)
$ErrorActionPreference = 'Stop'

$identity = [Security.Principal.WindowsPrincipal] [Security.Principal.WindowsIdentity]::GetCurrent()
if (-not $identity.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    throw 'run this in an elevated PowerShell'
}

function Invoke-Checked([string] $Program, [string[]] $Arguments) {
    & $Program @Arguments
    if ($LASTEXITCODE -ne 0) { throw "$Program $Arguments failed with exit code $LASTEXITCODE" }
}

$gateway = Join-Path $Directory 'mxgateway.exe'
$isInstalled = $null -ne (Get-Service -Name 'MxGateway' -ErrorAction SilentlyContinue)
if ($isInstalled) {
    # The programs cannot be replaced while they run.
    Invoke-Checked $gateway @('service', 'stop')
}

New-Item -ItemType Directory -Force -Path $Directory | Out-Null
foreach ($program in 'mxgateway.exe', 'mxgateway-worker.exe', 'mxgw.exe') {
    Copy-Item -Force -Path (Join-Path $PSScriptRoot $program) -Destination $Directory
}

if (-not $isInstalled) {
    # Makes the folder of configuration and data, too, out of other users' reach.
    Invoke-Checked $gateway @('service', 'install')
}

$data = Join-Path $env:ProgramData 'MxGateway'
$configuration = Join-Path $data 'mxgateway.toml'
New-Item -ItemType Directory -Force -Path $data | Out-Null
if (-not (Test-Path $configuration)) {
    Copy-Item -Path (Join-Path $PSScriptRoot 'mxgateway.toml') -Destination $configuration
}
Invoke-Checked $gateway @('config', 'check', '--config', $configuration)

if (-not $NoStart) {
    Invoke-Checked $gateway @('service', 'start')
    Invoke-Checked $gateway @('service', 'status')
}
Write-Host "MxGateway is installed in $Directory; its configuration is $configuration"
